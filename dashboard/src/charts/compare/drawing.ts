import type { Schemas } from "@/api/client";
import { count, score } from "@/format/numbers";
import { GRID, legend, lineEntry, unitOf, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import { type EndLabel, endLabels } from "../marks";
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

/** Room for the names beside the plot, in pixels. */
const BESIDE = 208;

const shortened = (name: string): string => (name.length > 22 ? `${name.slice(0, 21)}…` : name);

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
  const labels = lines.flatMap((line, i): EndLabel[] => {
    const last = line.at(-1);
    if (last === undefined) return [];
    const text = `${score(last[1])} ${shortened(names[i] ?? "")}`;
    return [{ x: last[0], y: last[1], text, color: seriesLook(palette, i).color, bold: true }];
  });
  return {
    height: 400,
    minWidth: 560,
    option: {
      grid: { ...GRID, top: 44, right: BESIDE },
      legend: legend(palette, { data: names.map(lineEntry) }),
      xAxis: valueAxis(palette, titles[axis], { min: 0, scale: false }),
      yAxis: valueAxis(palette, "best fitness so far", { nameGap: 44 }),
      tooltip: { trigger: "axis", valueFormatter: score },
      series: [
        ...lines.map((data, i) => {
          const look = seriesLook(palette, i);
          return {
            name: names[i],
            type: "line",
            step: "end",
            symbol: "none",
            color: look.color,
            lineStyle: { width: 2.25, type: look.type },
            data,
          };
        }),
        endLabels(labels, BESIDE - 14, palette.surface),
      ],
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
