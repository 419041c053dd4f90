import type { Schemas } from "@/api/client";
import { count, difference, interval, score } from "@/format/numbers";
import { GRID, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import { intervals } from "../marks";
import type { Palette } from "../palette";
import { nameOf, type Sides } from "./sides";

type Paired = Schemas["PairedDifference"];
type Verdict = "up" | "down" | "noise";
interface Line extends Paired {
  name: string;
  verdict: Verdict;
  own: { low: number; high: number } | undefined;
  rival: { low: number; high: number } | undefined;
}

const SYMBOLS = { up: "triangle", down: "triangle", noise: "circle" };
const SIGNS = { up: "▲", down: "▼", noise: "●" };
const WORDS = { up: "better", down: "worse", noise: "within noise" };

const verdictOf = ({ low, high }: Paired): Verdict => (low > 0 ? "up" : high < 0 ? "down" : "noise");

/** An interval of all items, moved to the mean of those that both sides were scored on. */
const around = (mean: number, found: Schemas["Scored"] | undefined) =>
  found && { low: found.low + mean - found.mean, high: found.high + mean - found.mean };

/** All tasks together first, then task by task from the largest gain to the largest loss. */
export function linesOf(view: Schemas["PairedView"], sides: Sides): Line[] {
  const [own, rival] = [sides.model, sides.against].map((one) => one.splits[sides.split]);
  const line = (name: string, paired: Paired, task?: string): Line => ({
    ...paired,
    name,
    verdict: verdictOf(paired),
    own: around(paired.mean, task === undefined ? own : own?.tasks[task]),
    rival: around(paired.against_mean, task === undefined ? rival : rival?.tasks[task]),
  });
  const tasks = view.tasks
    .map((one) => line(one.task, one, one.task))
    .sort((a, b) => b.difference - a.difference);
  return view.overall !== null && tasks.length > 1 ? [line("all tasks", view.overall), ...tasks] : tasks;
}

/** One line per task: the rival's score, the candidate's, and whether they differ by more than chance. */
export function tasksDrawing(view: Schemas["PairedView"], sides: Sides, palette: Palette): Drawing {
  const lines = linesOf(view, sides);
  const [own, rival] = [nameOf(sides.model), nameOf(sides.against)];
  const color = ({ verdict }: Line) => palette[verdict];
  const bars = (side: "own" | "rival", paint: (line: Line) => string) =>
    lines.flatMap((line, y) =>
      line[side] === undefined ? [] : [{ x: 0, y, ...line[side], color: paint(line) }],
    );
  const rows = { type: "category", inverse: true, axisLine: { show: false }, axisTick: { show: false } };
  return {
    height: Math.max(lines.length, 2) * 40 + 110,
    option: {
      grid: { ...GRID, top: 40 },
      legend: legend(palette, { data: [rival, own], selectedMode: false }),
      xAxis: valueAxis(palette, "score"),
      yAxis: [
        {
          ...rows,
          data: lines.map((line) => line.name),
          axisLabel: { color: palette.text, fontSize: 12, width: 150, overflow: "truncate" },
          splitLine: { show: true, lineStyle: { color: palette.line } },
        },
        {
          ...rows,
          position: "right",
          data: lines.map((line) => `${SIGNS[line.verdict]} ${difference(line.difference)}`),
          axisLabel: {
            fontSize: 12,
            fontWeight: "bold",
            color: (_: string, index: number) => color(lines[index] as Line),
          },
        },
      ],
      tooltip: {
        trigger: "axis",
        formatter: ([{ dataIndex }]: [{ dataIndex: number }]) =>
          lineText(lines[dataIndex] as Line, own, rival),
      },
      series: [
        intervals(
          "rival interval",
          "x",
          bars("rival", () => palette.muted),
          { width: 1 },
        ),
        intervals("own interval", "x", bars("own", color), { width: 9, opacity: 0.22, cap: 0 }),
        {
          name: rival,
          type: "scatter",
          symbol: "circle",
          symbolSize: 11,
          z: 4,
          itemStyle: { color: palette.surface, borderColor: palette.muted, borderWidth: 2 },
          data: lines.map((line, y) => [line.against_mean, y]),
        },
        {
          name: own,
          type: "scatter",
          z: 5,
          color: palette.up,
          data: lines.map((line, y) => ({
            value: [line.mean, y],
            symbol: SYMBOLS[line.verdict],
            symbolRotate: line.verdict === "down" ? 180 : 0,
            symbolSize: 13,
            itemStyle: { color: color(line) },
          })),
        },
        // Ties the right axis to the same rows.
        {
          type: "scatter",
          yAxisIndex: 1,
          silent: true,
          symbolSize: 0,
          data: lines.map((line, y) => [line.mean, y]),
        },
      ],
    },
    description: finding(lines, own, rival, sides.split),
    table: {
      columns: [
        "task",
        "items",
        own,
        rival,
        "difference",
        "low",
        "high",
        "p",
        "wins",
        "losses",
        "ties",
        "verdict",
      ],
      rows: lines.map((line) => [
        line.name,
        line.items,
        line.mean,
        line.against_mean,
        line.difference,
        line.low,
        line.high,
        line.p,
        line.wins,
        line.losses,
        line.ties,
        WORDS[line.verdict],
      ]),
    },
  };
}

const lineText = (line: Line, own: string, rival: string): string =>
  [
    `${line.name}, ${count(line.items)} items`,
    `${own}: ${score(line.mean)}`,
    `${rival}: ${score(line.against_mean)}`,
    `difference ${difference(line.difference)} (95 % interval ${interval(line.low, line.high, difference)})`,
    `wins ${count(line.wins)}, loses ${count(line.losses)}, ties ${count(line.ties)}; p = ${score(line.p)}`,
  ].join("\n");

function finding(lines: readonly Line[], own: string, rival: string, split: string): string {
  const tasks = lines.filter((line) => line.name !== "all tasks" || lines.length === 1);
  const tally = (verdict: Verdict) => tasks.filter((line) => line.verdict === verdict).length;
  const all = lines[0];
  if (all === undefined) return "";
  return (
    `On ${count(all.items)} ${split} items, ${own} against ${rival}: better on ${tally("up")}, worse on ${tally("down")} ` +
    `and within noise on ${tally("noise")} of ${tasks.length} ${tasks.length === 1 ? "task" : "tasks"}; ` +
    `in all ${difference(all.difference)} (95 % interval ${interval(all.low, all.high, difference)}).`
  );
}
