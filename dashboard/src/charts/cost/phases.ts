import type { Schemas } from "@/api/client";
import { count, duration, percent } from "@/format/numbers";
import { GRID, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { ordered, phaseName } from "../timeline/phases";

export type Cost = Schemas["Cost"];

/** Hatches beside colours, in the order of the phases. */
const HATCHES: readonly (readonly [number, number, number])[] = [
  [2, 4, Math.PI / 4],
  [1, 3, 0],
  [2, 4, -Math.PI / 4],
  [1, 3, Math.PI / 2],
];

/** Candidates in each bucket; the last one ends where nobody says. */
function widths(data: Cost): number[] {
  const usual = data.number.length > 1 ? (data.number[1] ?? 1) - (data.number[0] ?? 0) : 1;
  return data.number.map((first, i) => (data.number[i + 1] ?? first + usual) - first);
}

/** Worker seconds of a candidate, stacked by what was done. */
export function costPhases(data: Cost, palette: Palette): Drawing {
  const phases = ordered(Object.keys(data.worker_seconds));
  const sizes = widths(data);
  const each = (phase: string) =>
    data.number.map((number, i) => [number, (data.worker_seconds[phase]?.[i] ?? 0) / (sizes[i] ?? 1)]);
  return {
    height: 300,
    option: {
      grid: { ...GRID, top: 40 },
      legend: legend(palette, { type: "scroll", itemWidth: 14, itemHeight: 10 }),
      xAxis: {
        ...valueAxis(palette, "candidate", { type: "category", data: data.number.map((one) => count(one)) }),
        axisLine: { show: true, lineStyle: { color: palette["line-strong"] } },
        splitLine: { show: false },
      },
      yAxis: valueAxis(palette, "worker seconds per candidate", { scale: false, nameGap: 40 }),
      tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: duration },
      series: phases.map((phase, place) => ({
        name: phaseName(phase),
        type: "bar",
        stack: "phases",
        barCategoryGap: "20%",
        itemStyle: {
          color: colorOf(phase, place, palette),
          ...(phase === "score" ? {} : { decal: hatch(palette, place) }),
        },
        data: each(phase).map(([, value]) => value),
      })),
    },
    description: describe(data, phases),
    table: {
      columns: ["first candidate", ...phases.map((phase) => `${phaseName(phase)} (s per candidate)`)],
      rows: data.number.map((number, i) => [number, ...phases.map((phase) => each(phase)[i]?.[1] ?? null)]),
    },
  };
}

const colorOf = (phase: string, place: number, palette: Palette): string =>
  palette[phase === "score" ? "series-1" : (`series-${(place % 5) + 2}` as "series-2")];

function hatch(palette: Palette, place: number): object {
  const [line, gap, rotation] = HATCHES[place % HATCHES.length] as (typeof HATCHES)[number];
  return { symbol: "rect", color: palette.surface, dashArrayX: [1, 0], dashArrayY: [line, gap], rotation };
}

/** A share below it reads as nothing. */
const LEAST = 0.0005;

const total = (values: readonly number[] | undefined): number =>
  (values ?? []).reduce((sum, one) => sum + one, 0);

/** Each phase's share of the workers' time, the largest first. */
export function shares(data: Cost): { phase: string; seconds: number; share: number }[] {
  const seconds = Object.entries(data.worker_seconds).map(([phase, values]) => ({
    phase,
    seconds: total(values),
  }));
  const all = total(seconds.map((one) => one.seconds));
  return seconds
    .map((one) => ({ ...one, share: all > 0 ? one.seconds / all : 0 }))
    .sort((a, b) => b.seconds - a.seconds);
}

function describe(data: Cost, phases: readonly string[]): string {
  const parts = shares(data)
    .slice(0, phases.length)
    .filter(({ share }) => share >= LEAST)
    .map(({ phase, share }) => `${phaseName(phase)} ${percent(share)}`);
  return `Workers spent ${duration(data.cumulative_worker_seconds.at(-1))} on ${count(total(data.evaluations))} evaluations: ${parts.join(", ")}.`;
}
