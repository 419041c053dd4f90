import type { CustomSeriesRenderItem } from "echarts";
import { count, difference, score } from "@/format/numbers";
import { GRID, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import { intervals } from "../marks";
import type { Palette } from "../palette";
import { type Gap, type Generalisation, gapsOf, type HeldOut, nameOf } from "./gaps";

const WITHIN = "within noise";
const ABOVE = "above noise";
const NEW_BEST = "new best on the search items";

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** The gap of every candidate with held-out scores over the search, and when the best so far changed. */
export function gapHistory(data: Generalisation, palette: Palette, split: HeldOut): Drawing {
  const gaps = gapsOf(data, split);
  const noise = median(gaps.map((one) => one.margin));
  const reach = Math.max(...gaps.map((one) => Math.abs(one.gap) + one.margin), 2 * noise) * 1.05;
  const points = (name: string, symbol: string, color: string, shown: readonly Gap[]) => ({
    name,
    type: "scatter",
    symbol,
    symbolSize: 11,
    color,
    z: 3,
    data: shown.map((one) => ({
      value: [one.candidate.number, one.gap],
      tooltip: {
        formatter: () =>
          [
            nameOf(one.candidate),
            `search ${score(one.search.mean)}, ${split} ${score(one.held.mean)}`,
            `gap ${difference(one.gap)} ± ${score(one.margin)}`,
          ].join("\n"),
      },
    })),
  });
  return {
    height: 420,
    option: {
      grid: { ...GRID, top: 44 },
      legend: legend(palette, { type: "scroll", data: [WITHIN, ABOVE, NEW_BEST] }),
      xAxis: valueAxis(palette, "candidate", { min: 0, minInterval: 1 }),
      yAxis: valueAxis(palette, `search minus ${split}`, {
        nameGap: 48,
        min: -reach,
        max: reach,
        axisLabel: {
          color: palette.muted,
          formatter: (value: number) => difference(value).replace(/\.?0+$/, ""),
          showMinLabel: false,
          showMaxLabel: false,
        },
      }),
      tooltip: { trigger: "item" },
      series: [
        {
          ...points(
            WITHIN,
            "circle",
            palette["series-1"],
            gaps.filter((one) => !one.alert),
          ),
          markLine: {
            silent: true,
            symbol: "none",
            lineStyle: { color: palette.muted, type: "solid" },
            label: { show: false },
            data: [{ yAxis: 0 }],
          },
          markArea: {
            silent: true,
            itemStyle: { color: palette.bad, opacity: 0.09 },
            label: { color: palette.bad, position: "insideTopRight", fontSize: 12 },
            data: [[{ yAxis: noise, name: "more than noise" }, { yAxis: reach }]],
          },
        },
        points(
          "above noise",
          "triangle",
          palette.bad,
          gaps.filter((one) => one.alert),
        ),
        intervals(
          "gap 95 %",
          "y",
          gaps.map(({ candidate, gap, margin }) => ({
            x: candidate.number,
            y: gap,
            low: gap - margin,
            high: gap + margin,
            color: palette.noise,
          })),
          { width: 1 },
        ),
        rug(data, palette, -reach),
      ],
    },
    description: `The typical gap that noise alone explains is ${score(noise)}; ${gaps.filter((one) => one.alert).length} of ${gaps.length} candidates are above their own. The best so far changed ${count(data.incumbents.number.length)} times.`,
    table: {
      columns: ["candidate", "name", "gap", "gap ±", "above noise"],
      rows: gaps.map(({ candidate, gap, margin, alert }) => [
        candidate.number,
        nameOf(candidate),
        gap,
        margin,
        alert ? "yes" : "no",
      ]),
    },
  };
}

/** A tick at the foot for every new best. */
function rug({ incumbents }: Generalisation, palette: Palette, foot: number): object {
  return {
    name: NEW_BEST,
    type: "custom",
    color: palette["series-3"],
    data: incumbents.number.map((number, i) => [number, foot, incumbents.search[i] ?? null]),
    encode: { x: 0, y: 1 },
    tooltip: {
      formatter: ({ value }: { value: [number, number, number | null] }) =>
        `candidate ${value[0]} was the best so far\nfitness ${score(value[2])}`,
    },
    renderItem: ((_params, api) => {
      const [x, y] = api.coord([api.value(0), api.value(1)]) as [number, number];
      return {
        type: "rect",
        shape: { x: x - 1, y: y - 10, width: 2, height: 10 },
        style: { fill: palette["series-3"] },
      };
    }) satisfies CustomSeriesRenderItem,
  };
}
