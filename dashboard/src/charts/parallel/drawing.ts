import { coefficient, count, difference, score } from "@/format/numbers";
import type { Drawing } from "../ChartCard";
import { areSeveral, type Gene, shortParts } from "../coefficients/genes";
import type { Row } from "../coefficients/rows";
import type { Palette } from "../palette";
import { AMOUNTS } from "../scales";
import { type AxisKey, brushText, isInside, parseBrush, type Range } from "./brush";
import { type Importance, mostImportant } from "./importance";

export const MOST_AXES = 12;

export interface ParallelData {
  genes: readonly Gene[];
  rows: readonly Row[];
  total: number;
}

/** The axes: fitness last, before it what goes with it most. */
export const axesOf = (data: ParallelData): Importance[] =>
  mostImportant(data.rows, data.genes.length, MOST_AXES - 1);

/** Candidates as lines over the coordinates that matter; `brush` is what the address says is chosen. */
export function parallelDrawing(
  data: ParallelData,
  brush: string | undefined,
  palette: Palette,
  setBrush: (brush: string | undefined) => void,
): Drawing {
  const axes = axesOf(data);
  const several = areSeveral(data.genes);
  const keys: AxisKey[] = [...axes.map(({ gene }) => gene), "fitness"];
  // The best are drawn last, over the others.
  const rows = data.rows
    .filter((row) => row.fitness !== null)
    .sort((a, b) => (a.fitness as number) - (b.fitness as number));
  const ranges = parseBrush(brush);
  const fitness = rows.map((row) => row.fitness as number);
  const chosen = rows.filter((row) => isInside(row, ranges));
  return {
    height: 420,
    minWidth: keys.length * 72 + 88,
    option: {
      parallel: { left: 40, right: 48, top: 84, bottom: 48 },
      parallelAxis: keys.map((key, dim) => ({
        id: axisId(key),
        dim,
        name: key === "fitness" ? "fitness" : shortParts(data.genes[key] as Gene, several).join("\n"),
        realtime: false,
        nameLocation: "end",
        nameTextStyle: { color: palette.text, fontSize: 11, lineHeight: 13 },
        axisLine: { lineStyle: { color: palette["line-strong"] } },
        axisTick: { show: false },
        axisLabel: {
          color: palette.muted,
          fontSize: 11,
          textBorderColor: palette.surface,
          textBorderWidth: 3,
          formatter: (value: number) => String(Number(value.toPrecision(3))),
        },
        areaSelectStyle: { width: 18, color: palette.accent, borderColor: palette.accent, opacity: 0.25 },
        ...(key === "fitness" ? { min: "dataMin", max: "dataMax" } : {}),
      })),
      visualMap: {
        type: "continuous",
        dimension: keys.length - 1,
        min: fitness[0] ?? 0,
        max: fitness.at(-1) ?? 1,
        inRange: { color: AMOUNTS[palette.theme].slice(1) },
        orient: "horizontal",
        left: "center",
        bottom: 0,
        itemHeight: 160,
        itemWidth: 12,
        text: [`fitness ${score(fitness.at(-1))}`, score(fitness[0])],
        textStyle: { color: palette.muted, fontSize: 12 },
      },
      series: [
        {
          type: "parallel",
          lineStyle: { width: 1.25, opacity: rows.length > 200 ? 0.35 : 0.6 },
          inactiveOpacity: 0.04,
          activeOpacity: 0.85,
          data: rows.map((row) => keys.map((key) => (key === "fitness" ? row.fitness : row.values[key]))),
        },
      ],
    },
    actions: keys.map((key) => ({
      type: "axisAreaSelect",
      parallelAxisId: axisId(key),
      intervals: ranges.filter((range) => range.axis === key).map(({ low, high }) => [low, high]),
    })),
    description: finding(data.genes, axes[0], chosen, rows, ranges),
    table: {
      columns: ["candidate", "fitness", ...axes.map(({ gene }) => data.genes[gene]?.label ?? "")],
      rows: chosen
        .reverse()
        .map((row) => [row.number, row.fitness, ...axes.map(({ gene }) => row.values[gene] ?? null)]),
    },
    sampled: { shown: rows.length, total: data.total, what: "searched candidates" },
    on: {
      axisareaselected: (event: { parallelAxisId: string; intervals: [number, number][] }) => {
        const key = keys.find((one) => axisId(one) === event.parallelAxisId);
        if (key === undefined) return;
        const others = ranges.filter((range) => range.axis !== key);
        const own = event.intervals.map(
          ([a, b]): Range => ({ axis: key, low: Math.min(a, b), high: Math.max(a, b) }),
        );
        setBrush(brushText([...others, ...own]));
      },
    },
  };
}

const axisId = (key: AxisKey): string => `axis-${key}`;

function finding(
  genes: readonly Gene[],
  first: Importance | undefined,
  chosen: readonly Row[],
  rows: readonly Row[],
  ranges: readonly Range[],
): string {
  if (first === undefined) return "";
  const strongest = `${genes[first.gene]?.label} goes with fitness most (rank correlation ${difference(first.correlation)}).`;
  if (ranges.length === 0) return `${strongest} Drag along an axis to choose a range.`;
  const mean = chosen.reduce((sum, row) => sum + (row.fitness as number), 0) / Math.max(chosen.length, 1);
  return `${strongest} ${count(chosen.length)} of ${count(rows.length)} candidates are in the chosen ranges${
    chosen.length > 0 ? `, with a mean fitness of ${score(mean)}` : ""
  }.`;
}

/** A range in words. */
export const rangeText = (genes: readonly Gene[], { axis, low, high }: Range): string =>
  `${axis === "fitness" ? "fitness" : genes[axis]?.label}: ${coefficient(low)} to ${coefficient(high)}`;
