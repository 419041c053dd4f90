import type { Schemas } from "@/api/client";
import { score } from "@/format/numbers";
import { GRID, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";

export function fitnessDrawing(data: Schemas["Series"], palette: Palette): Drawing {
  const line = (values: readonly (number | null)[]) =>
    data.number.map((number, i) => [number, values[i] ?? null]);
  const last = data.best.at(-1) ?? null;
  return {
    option: {
      grid: GRID,
      legend: legend(palette),
      xAxis: valueAxis(palette, "candidates"),
      yAxis: valueAxis(palette, "fitness", { nameGap: 44 }),
      tooltip: { trigger: "axis", valueFormatter: score },
      series: [
        {
          name: "best so far",
          type: "line",
          step: "end",
          symbol: "none",
          lineStyle: { width: 2.5 },
          color: palette["series-1"],
          data: line(data.best),
        },
        {
          name: "mean",
          type: "line",
          symbol: "none",
          lineStyle: { width: 1, type: [4, 3] },
          color: palette.muted,
          data: line(data.mean),
        },
      ],
    },
    description: `The best fitness is ${score(last)} after ${data.total} candidates.`,
    table: {
      columns: ["first candidate", "scored", "lowest", "mean", "highest", "best so far"],
      rows: data.number.map((number, i) => [
        number,
        data.scored[i] ?? null,
        data.low[i] ?? null,
        data.mean[i] ?? null,
        data.high[i] ?? null,
        data.best[i] ?? null,
      ]),
    },
  };
}
