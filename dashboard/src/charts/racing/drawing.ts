import type { Schemas } from "@/api/client";
import { count, percent, score } from "@/format/numbers";
import { GRID, legend, lineEntry, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";

export type Racing = Schemas["Racing"];

/** Candidates that are asked for. */
export const LIMIT = 2000;

const ALL = "scored on all blocks";
const STOPPED = "stopped on the way";
const SAME = "no change";

/** Fitness on the first block against fitness on all scored items. */
export function racingScatter(data: Racing, palette: Palette): Drawing {
  const points = data.number.map((number, i) => ({
    number,
    first: data.first[i] ?? 0,
    full: data.full[i] ?? 0,
    blocks: data.blocks_scored[i] ?? 0,
  }));
  // With one block only, both are the same number and say nothing.
  const compared = points.filter((one) => one.blocks > 1);
  const ends = compared.flatMap((one) => [one.first, one.full]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const group = (name: string, symbol: string, color: string, shown: typeof points) => ({
    name,
    type: "scatter",
    symbol,
    symbolSize: 8,
    color,
    itemStyle: { opacity: 0.75 },
    data: shown.map((one) => ({ value: [one.first, one.full], point: one })),
  });
  return {
    height: 360,
    ...(data.total > LIMIT ? { sampled: { shown: data.shown, total: data.total, what: "candidates" } } : {}),
    option: {
      grid: GRID,
      legend: legend(palette, { type: "scroll", data: [ALL, STOPPED, lineEntry(SAME)] }),
      xAxis: valueAxis(palette, "fitness on the first block"),
      yAxis: valueAxis(palette, "fitness on all scored blocks", { nameGap: 44 }),
      tooltip: {
        trigger: "item",
        formatter: ({ data: { point } }: { data: { point: (typeof points)[number] } }) =>
          [
            `candidate ${point.number}`,
            `first block ${score(point.first)}`,
            `all ${score(point.full)}`,
            `${point.blocks} of ${data.blocks} blocks`,
          ].join("\n"),
      },
      series: [
        group(
          ALL,
          "circle",
          palette["series-1"],
          compared.filter((one) => one.blocks >= data.blocks),
        ),
        group(
          STOPPED,
          "triangle",
          palette["series-2"],
          compared.filter((one) => one.blocks < data.blocks),
        ),
        {
          name: SAME,
          type: "line",
          silent: true,
          symbol: "none",
          color: palette.muted,
          lineStyle: { type: [5, 4], width: 1 },
          data: [
            [low, low],
            [high, high],
          ],
        },
      ],
    },
    description: `${count(points.filter((one) => one.blocks === 1).length)} of ${count(points.length)} candidates were stopped after their first block and are not drawn; ${count(compared.length)} ${compared.length === 1 ? "was" : "were"} scored further.`,
    table: {
      columns: ["candidate", "first block", "all scored blocks", "blocks scored"],
      rows: points.map((one) => [one.number, one.first, one.full, one.blocks]),
    },
  };
}

/** How many were stopped at each rung, and how well the order by then predicted the final one. */
export function rungsDrawing(data: Racing, palette: Palette): Drawing {
  // Who has all blocks can be stopped no more, and agrees with itself.
  const rungs = data.rungs.filter((rung) => rung.blocks < data.blocks);
  const side = { color: palette.muted, fontSize: 12 };
  const share = (rung: Schemas["Rung"]) => (rung.candidates > 0 ? rung.stopped / rung.candidates : null);
  return {
    height: 360,
    option: {
      grid: { ...GRID, right: 48 },
      legend: legend(palette),
      xAxis: {
        ...valueAxis(palette, "blocks scored", {
          type: "category",
          data: rungs.map((rung) => String(rung.blocks)),
        }),
        splitLine: { show: false },
      },
      yAxis: [
        valueAxis(palette, "share stopped", {
          scale: false,
          min: 0,
          max: 1,
          nameGap: 48,
          axisLabel: { ...side, formatter: (value: number) => `${Math.round(value * 100)} %` },
        }),
        valueAxis(palette, "Kendall τ", {
          scale: false,
          min: rungs.some((rung) => (rung.kendall_tau ?? 0) < 0) ? -1 : 0,
          max: 1,
          position: "right",
          nameGap: 38,
          splitLine: { show: false },
        }),
      ],
      tooltip: {
        trigger: "axis",
        formatter: ([one]: { dataIndex: number }[]) => rungText(rungs[one?.dataIndex ?? 0]),
      },
      series: [
        {
          name: "stopped",
          type: "bar",
          color: palette["series-2"],
          itemStyle: { opacity: 0.7 },
          barMaxWidth: 40,
          data: rungs.map(share),
        },
        {
          name: "order agrees (τ, right axis)",
          type: "line",
          yAxisIndex: 1,
          symbol: "circle",
          symbolSize: 8,
          color: palette["series-1"],
          data: rungs.map((rung) => rung.kendall_tau),
        },
      ],
    },
    description: finding(data),
    table: {
      columns: ["blocks", "items on average", "candidates", "stopped", "Kendall τ"],
      rows: rungs.map((rung) => [rung.blocks, rung.items, rung.candidates, rung.stopped, rung.kendall_tau]),
    },
  };
}

function finding(data: Racing): string {
  const [first] = data.rungs;
  const all = first?.candidates ?? 0;
  const stopped = data.rungs
    .filter((rung) => rung.blocks < data.blocks)
    .reduce((sum, rung) => sum + rung.stopped, 0);
  const order =
    first?.kendall_tau == null
      ? ""
      : ` The order after the first block agrees with the final one by τ = ${score(first.kendall_tau)}.`;
  return `${count(stopped)} of ${count(all)} candidates were stopped before their last block (${percent(all > 0 ? stopped / all : null)}).${order}`;
}

function rungText(rung: Schemas["Rung"] | undefined): string {
  if (rung === undefined) return "";
  const blocks = `${rung.blocks} ${rung.blocks === 1 ? "block" : "blocks"} (${count(rung.items)} items)`;
  const stopped = `${count(rung.stopped)} of ${count(rung.candidates)} candidates stopped`;
  return [blocks, stopped, rung.kendall_tau === null ? "τ unknown" : `τ ${score(rung.kendall_tau)}`].join(
    "\n",
  );
}
