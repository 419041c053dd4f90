import type { Schemas } from "@/api/client";
import { count, tick } from "@/format/numbers";
import { endless, GRID, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { AMOUNTS, onScale } from "../scales";
import type { Axis, Panel } from "./panels";

type Trace = Schemas["Trace"];

const NAMES = { candidates: "candidates", updates: "updates", items: "search items scored" };
const COLUMNS = { candidates: "number", updates: "update", items: "items" } as const;

/** One panel; panels of one group show the same place under the pointer. */
export function searchDrawing(trace: Trace, panel: Panel, axis: Axis, palette: Palette): Drawing {
  const places = trace[COLUMNS[axis]];
  const lines = panel.lines(trace);
  const level = panel.level?.(trace) ?? null;
  // A logarithm has no place for what is not positive.
  const drawn = (value: number | null | undefined) =>
    value == null || (panel.log && value <= 0) ? null : value;
  return {
    height: 240,
    group: "search",
    option: {
      grid: { ...GRID, top: 20, bottom: 12 },
      xAxis: valueAxis(palette, NAMES[axis], { min: 0, max: "dataMax", axisLabel: endless(palette) }),
      yAxis: valueAxis(palette, panel.unit, {
        nameGap: 48,
        ...(panel.log
          ? {
              type: "log",
              logBase: baseFor(lines),
              axisLabel: { color: palette.muted, fontSize: 12, formatter: tick },
            }
          : {}),
        ...(panel.id === "bounds"
          ? {
              min: 0,
              axisLabel: {
                color: palette.muted,
                fontSize: 12,
                formatter: (share: number) => `${tick(share * 100)} %`,
              },
            }
          : {}),
      }),
      tooltip: {
        trigger: "axis",
        formatter: (found: readonly { dataIndex: number }[]) =>
          tooltip(trace, panel, found[0]?.dataIndex ?? 0),
      },
      series: lines.map((values, index) => ({
        type: "line",
        symbol: "none",
        lineStyle: { width: lines.length > 1 ? 1.25 : 2 },
        color: lines.length > 1 ? shade(index, lines.length, palette) : palette["series-1"],
        data: places.map((place, i) => [place, drawn(values[i])]),
        ...(index === 0 ? { markLine: marks(trace, places, level, palette) } : {}),
      })),
    },
    description: `${panel.finding(trace)}${restartText(trace)}`,
    table: {
      columns: [
        "update",
        "candidates",
        "search items",
        ...lines.map((_, i) => (lines.length > 1 ? `eigenvalue ${i + 1}` : panel.title)),
      ],
      rows: trace.update.map((update, i) => [
        update,
        trace.number[i] ?? null,
        trace.items[i] ?? null,
        ...lines.map((values) => values[i] ?? null),
      ]),
    },
  };
}

/** Powers that are near enough to each other for at least a few to be on the axis. */
function baseFor(lines: readonly (readonly (number | null)[])[]): number {
  const known = lines.flat().filter((value): value is number => value !== null && value > 0);
  return Math.max(...known) / Math.min(...known) > 30 ? 10 : 2;
}

const shade = (index: number, lines: number, palette: Palette): string =>
  onScale(AMOUNTS[palette.theme], 1 - (0.7 * index) / (lines - 1));

/** Restarts as vertical lines, and the level to compare with as a horizontal one. */
function marks(
  trace: Trace,
  places: readonly number[],
  level: { value: number; name: string } | null,
  palette: Palette,
): object {
  const restarts = trace.restarts.flatMap((update) => {
    const row = trace.update.findIndex((one) => one >= update);
    return row < 0 ? [] : [{ xAxis: places[row], label: { formatter: "restart" } }];
  });
  return {
    silent: true,
    symbol: "none",
    label: { color: palette.muted, fontSize: 11 },
    lineStyle: { color: palette.muted, type: [4, 3] },
    data: [
      ...restarts,
      ...(level === null
        ? []
        : [{ yAxis: level.value, label: { formatter: level.name, position: "insideEndTop" } }]),
    ],
  };
}

function tooltip(trace: Trace, panel: Panel, row: number): string {
  const values = panel.lines(trace).map((line) => line[row]);
  const shown =
    values.length > 1 ? `${panel.show(values.at(-1))} to ${panel.show(values[0])}` : panel.show(values[0]);
  return `update ${count(trace.update[row])}, ${count(trace.number[row])} candidates\n${shown}`;
}

function restartText({ restarts }: Trace): string {
  if (restarts.length === 0) return "";
  const times = restarts.length === 1 ? "once" : `${restarts.length} times`;
  return ` The search started over ${times}.`;
}
