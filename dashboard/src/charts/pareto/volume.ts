import type { Schemas } from "@/api/client";
import { count, score } from "@/format/numbers";
import { DASH_ICON, endless, GRID, LINE_ICON, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";

type Found = Schemas["Tradeoffs"];

/** How much of the scores above the reference point the front reaches, generation by generation. */
export function volumeDrawing(found: Found, volumes: Schemas["Hypervolumes"], palette: Palette): Drawing {
  const { asked, update, volume, baselines } = volumes;
  const last = asked.at(-1) ?? 1;
  const now = volume.at(-1) ?? 0;
  return {
    height: 240,
    option: {
      grid: { ...GRID, top: 36, bottom: 12 },
      legend: legend(palette, {
        data: [
          { name: "front so far", icon: LINE_ICON },
          { name: "parents and plain merges", icon: DASH_ICON },
        ],
      }),
      xAxis: valueAxis(palette, "candidates", { min: 0, max: last, axisLabel: endless(palette) }),
      yAxis: valueAxis(palette, "hypervolume", { nameGap: 48, min: 0 }),
      tooltip: {
        trigger: "axis",
        formatter: (rows: readonly { dataIndex: number; seriesName: string }[]) => {
          const i = rows.find((one) => one.seriesName === "front so far")?.dataIndex;
          return i === undefined ? "" : `${placeText(asked, update, i)}\nhypervolume ${score(volume[i])}`;
        },
      },
      series: [
        {
          name: "front so far",
          type: "line",
          step: "end",
          symbol: "none",
          color: palette["series-1"],
          lineStyle: { width: 2.25 },
          data: asked.map((number, i) => [number, volume[i]]),
        },
        {
          name: "parents and plain merges",
          type: "line",
          symbol: "none",
          silent: true,
          color: palette["series-2"],
          lineStyle: { width: 1.25, type: [6, 4] },
          data: [
            [0, baselines],
            [last, baselines],
          ],
        },
      ],
    },
    description: `${grown(now, baselines)} ${reference(found)}`,
    table: {
      columns: ["candidates", "update", "hypervolume"],
      rows: asked.map((number, i) => [number, update[i] ?? null, volume[i] ?? null]),
    },
  };
}

const placeText = (asked: readonly number[], update: readonly number[], i: number): string =>
  `${count(asked[i])} candidates${update[i] === undefined ? "" : `, update ${count(update[i])} of the search`}`;

function grown(now: number, baselines: number): string {
  if (now === 0) return "Nobody is better than the reference point on every task yet.";
  const alone = baselines === 0 ? "nothing" : score(baselines);
  return `The front reaches ${score(now)}; parents and plain merges alone reach ${alone}.`;
}

function reference({ base, reference }: Found): string {
  const scores = Object.entries(reference).map(([task, value]) => `${task} ${score(value)}`);
  return base === null
    ? "It is measured from 0 on every task, as the base has not been scored on all items."
    : `It is measured from the base's scores (${scores.join(", ")}).`;
}
