import type { Schemas } from "@/api/client";
import { count, score } from "@/format/numbers";
import { GRID, legend, unitOf, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { seriesLook } from "../scales";

export type Comparison = Schemas["Comparison"];
export const AXES = ["candidates", "items", "time"] as const;
export type Axis = (typeof AXES)[number];

type Series = Schemas["Series"];

/** Where each bucket ends on the axis. */
function ends(series: Series, axis: Axis): readonly number[] {
  if (axis === "items") return series.items ?? [];
  if (axis === "time") return series.seconds ?? [];
  return series.number.map((first) => Math.min(first + series.width, series.total));
}

/** Names that tell experiments apart: those of the same name get the beginning of their id. */
export function namesOf(experiments: readonly { id: string; name: string }[]): string[] {
  return experiments.map(({ id, name }) =>
    experiments.filter((other) => other.name === name).length > 1 ? `${name} (${id.slice(0, 8)})` : name,
  );
}

const shortened = (name: string): string => (name.length > 18 ? `${name.slice(0, 17)}…` : name);

/** The best so far of several experiments on one axis. */
export function compareDrawing({ experiments }: Comparison, palette: Palette, axis: Axis): Drawing {
  const names = namesOf(experiments.map((one) => one.experiment));
  const longest = Math.max(0, ...experiments.map(({ series }) => ends(series, "time").at(-1) ?? 0));
  const unit = axis === "time" ? unitOf(longest) : { size: 1, name: axis };
  const titles = { candidates: "candidates", items: "scored items", time: unit.name } as const;
  const lines = experiments.map(({ series }) => {
    const places = ends(series, axis);
    return series.best.flatMap((best, i): [number, number][] =>
      best === null || places[i] === undefined ? [] : [[places[i] / unit.size, best]],
    );
  });
  return {
    height: 400,
    minWidth: 560,
    option: {
      grid: { ...GRID, top: 44, right: 164 },
      legend: legend(palette, { type: "scroll" }),
      xAxis: valueAxis(palette, titles[axis], { min: 0, scale: false }),
      yAxis: valueAxis(palette, "best fitness so far", { nameGap: 44 }),
      tooltip: { trigger: "axis", valueFormatter: score },
      series: lines.map((data, i) => {
        const look = seriesLook(palette, i);
        return {
          name: names[i],
          type: "line",
          step: "end",
          symbol: "none",
          color: look.color,
          lineStyle: { width: 2.25, type: look.type },
          endLabel: {
            show: true,
            color: look.color,
            fontWeight: 600,
            backgroundColor: palette.surface,
            padding: [1, 3],
            formatter: () => `${score(data.at(-1)?.[1])} ${shortened(names[i] ?? "")}`,
          },
          labelLayout: { moveOverlap: "shiftY" },
          data,
        };
      }),
    },
    description: experiments
      .flatMap(({ series }, i) => {
        const last = lines[i]?.at(-1);
        return last === undefined
          ? []
          : `${names[i]} reached ${score(last[1])} after ${count(series.total)} candidates.`;
      })
      .join(" "),
    table: {
      columns: ["experiment", titles[axis], "best fitness so far"],
      rows: lines.flatMap((line, i) => line.map(([x, y]) => [names[i] ?? null, x, y])),
    },
  };
}
