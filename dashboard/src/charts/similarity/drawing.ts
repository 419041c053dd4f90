import type { Schemas } from "@/api/client";
import { compact, score } from "@/format/numbers";
import { GRID, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { DIVERGING } from "../scales";

export type Similarity = Schemas["Similarity"];
export type Trace = Schemas["Trace"];

const CELL_PX = 46;

/** Cosines of the experts' task vectors, each written into its cell. */
export function similarityDrawing(data: Similarity, palette: Palette): Drawing {
  const { models, cosine, norms } = data;
  const axis = { type: "category", data: models, axisLine: { show: false }, axisTick: { show: false } };
  const label = { color: palette.text, fontSize: 12, interval: 0 };
  const cells = models.flatMap((_, row) =>
    models.map((_, column) => [column, row, cosine[row]?.[column] ?? null]),
  );
  const scale = DIVERGING[palette.theme];
  const ends = palette.theme === "light" ? 0.8 : 0.6;
  const crowded = models.length > 10;
  return {
    height: Math.max(220, 60 + models.length * (crowded ? 30 : CELL_PX)),
    option: {
      grid: { ...GRID, top: 8 },
      xAxis: {
        ...axis,
        axisLabel: {
          ...label,
          rotate: crowded ? 60 : models.length > 4 ? 30 : 0,
          width: 72,
          overflow: "truncate",
        },
      },
      yAxis: { ...axis, inverse: true, axisLabel: { ...label, width: 120, overflow: "truncate" } },
      visualMap: { show: false, min: -1, max: 1, dimension: 2, inRange: { color: scale } },
      tooltip: {
        trigger: "item",
        formatter: ({ value: [column, row, value] }: { value: [number, number, number | null] }) =>
          column === row
            ? `${models[row]}\nlength of its task vector ${compact(norms[row])}`
            : `${models[row]} and ${models[column]}\ncosine ${score(value)}`,
      },
      series: [
        {
          type: "heatmap",
          data: cells.map((value) => ({
            value,
            // The ends of the scale are dark on light pages and light on dark ones.
            label: { color: Math.abs(Number(value[2])) > ends ? palette.surface : palette.text },
          })),
          label: {
            show: !crowded,
            fontSize: 12,
            formatter: ({ value }: { value: [number, number, number | null] }) =>
              value[2] === null ? "–" : value[2].toFixed(2).replace("-", "\u2212"),
          },
          itemStyle: { borderColor: palette.surface, borderWidth: 2 },
          emphasis: { itemStyle: { borderColor: palette.text } },
        },
      ],
    },
    description: describe(data),
    table: {
      columns: ["model", "length (L2)", ...models],
      rows: models.map((name, row) => [
        name,
        norms[row] ?? null,
        ...models.map((_, i) => cosine[row]?.[i] ?? null),
      ]),
    },
  };
}

function describe({ models, cosine }: Similarity): string {
  const pairs = models.flatMap((one, row) =>
    models.slice(row + 1).map((other, i) => ({ one, other, value: cosine[row]?.[row + 1 + i] ?? null })),
  );
  const known = pairs.flatMap(({ value, ...pair }) => (value === null ? [] : [{ ...pair, value }]));
  const closest = known.sort((a, b) => b.value - a.value)[0];
  if (closest === undefined) return "There is no pair of task vectors.";
  return `The closest pair is ${closest.one} and ${closest.other} with a cosine of ${score(closest.value)}.`;
}

/** How far an update's candidates lay from their mean. */
export function spreadDrawing(data: Trace, palette: Palette): Drawing {
  const first = data.spread.find((value) => value !== null) ?? null;
  const last = data.spread.findLast((value) => value !== null) ?? null;
  return {
    height: 280,
    option: {
      grid: GRID,
      xAxis: valueAxis(palette, "update of the distribution", { minInterval: 1 }),
      yAxis: valueAxis(palette, "mean distance", { scale: false, min: 0, nameGap: 44 }),
      tooltip: { trigger: "axis", valueFormatter: score },
      series: [
        {
          name: "spread",
          type: "line",
          symbol: data.update.length < 40 ? "circle" : "none",
          symbolSize: 5,
          color: palette["series-1"],
          lineStyle: { width: 2 },
          data: data.update.map((update, i) => [update, data.spread[i] ?? null]),
          markLine: {
            silent: true,
            symbol: "none",
            lineStyle: { color: palette.warn, type: [5, 4] },
            label: { color: palette.warn, formatter: "restart", fontSize: 12 },
            data: data.restarts.map((xAxis) => ({ xAxis })),
          },
        },
      ],
    },
    description: `The mean distance of candidates from their mean went from ${score(first)} to ${score(last)}; ${data.restarts.length} ${data.restarts.length === 1 ? "restart" : "restarts"}.`,
    table: {
      columns: ["update", "candidates by then", "spread"],
      rows: data.update.map((update, i) => [update, data.number[i] ?? null, data.spread[i] ?? null]),
    },
  };
}
