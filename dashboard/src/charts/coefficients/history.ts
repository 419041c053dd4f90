import { coefficient, count, percent } from "@/format/numbers";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { AMOUNTS } from "../scales";
import type { Row } from "./rows";

const MOST_STRETCHES = 16;
const BINS = 20;
const BEST = 10;

export interface Histogram {
  /** The first candidate of each stretch, and behind them the end of the last. */
  starts: readonly number[];
  /** Edges of the bins, one more than there are. */
  edges: readonly number[];
  /** Share of a stretch's candidates in each bin. */
  shares: readonly (readonly number[])[];
  counts: readonly number[];
}

/** How one coefficient's values lie, in stretches of candidates that follow each other. */
export function histogramOf(rows: readonly Row[], gene: number): Histogram {
  const values = rows.map((row) => row.values[gene] as number);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, end] = [rows[0]?.number ?? 0, (rows.at(-1)?.number ?? 0) + 1];
  const stretches = Math.min(MOST_STRETCHES, Math.max(1, Math.ceil(rows.length / 8)), end - first);
  const starts = Array.from({ length: stretches + 1 }, (_, i) =>
    Math.round(first + ((end - first) * i) / stretches),
  );
  const size = (high - low) / BINS || 1;
  const shares = Array.from({ length: stretches }, () => Array<number>(BINS).fill(0));
  const counts = Array<number>(stretches).fill(0);
  rows.forEach((row, i) => {
    const stretch = starts.findLastIndex((start) => start <= row.number);
    const bin = Math.min(Math.floor(((values[i] as number) - low) / size), BINS - 1);
    (shares[stretch] as number[])[bin] = ((shares[stretch] as number[])[bin] as number) + 1;
    counts[stretch] = (counts[stretch] as number) + 1;
  });
  return {
    starts,
    edges: Array.from({ length: BINS + 1 }, (_, i) => low + size * i),
    shares: shares.map((bins, i) => bins.map((found) => found / Math.max(counts[i] as number, 1))),
    counts,
  };
}

/** Where the search looked for one coefficient, from its beginning to now. */
export function historyDrawing(
  rows: readonly Row[],
  gene: number,
  label: string,
  total: number,
  palette: Palette,
): Drawing {
  const { starts, edges, shares, counts } = histogramOf(rows, gene);
  const [low, high] = [edges[0] as number, edges.at(-1) as number];
  const best = rows
    .filter((row) => row.fitness !== null)
    .sort((a, b) => (b.fitness as number) - (a.fitness as number))
    .slice(0, BEST);
  const range = (stretch: number) =>
    `${count(starts[stretch])} to ${count((starts[stretch + 1] as number) - 1)}`;
  const between = (bin: number) => `${coefficient(edges[bin])} to ${coefficient(edges[bin + 1])}`;
  const hidden = { type: "value", show: false };
  return {
    height: 340,
    option: {
      grid: { left: 8, right: 16, top: 12, bottom: 56, outerBoundsMode: "same" },
      xAxis: [
        {
          type: "category",
          data: counts.map((_, i) => count(starts[i])),
          name: "first candidate of the stretch",
          nameLocation: "middle",
          nameGap: 28,
          nameTextStyle: { color: palette.muted },
          axisTick: { show: false },
          axisLine: { show: false },
          axisLabel: { color: palette.muted, hideOverlap: true },
        },
        { ...hidden, min: starts[0], max: starts.at(-1) },
      ],
      yAxis: [
        {
          type: "category",
          data: shares[0]?.map((_, bin) =>
            coefficient(((edges[bin] as number) + (edges[bin + 1] as number)) / 2),
          ),
          axisTick: { show: false },
          axisLine: { show: false },
          axisLabel: { color: palette.muted, hideOverlap: true },
        },
        { ...hidden, min: low, max: high },
      ],
      visualMap: {
        seriesIndex: 0,
        min: 0,
        max: Math.max(...shares.flat(), 1e-9),
        dimension: 2,
        inRange: { color: AMOUNTS[palette.theme] },
        orient: "horizontal",
        left: "center",
        bottom: 0,
        itemHeight: 140,
        itemWidth: 12,
        text: [percent(Math.max(...shares.flat())), "0 %"],
        textStyle: { color: palette.muted },
      },
      tooltip: {},
      series: [
        {
          type: "heatmap",
          data: shares.flatMap((bins, stretch) => bins.map((share, bin) => [stretch, bin, share])),
          itemStyle: { borderColor: palette.surface, borderWidth: 1 },
          tooltip: {
            formatter: ({ data: [stretch, bin, share] }: { data: [number, number, number] }) =>
              `candidates ${range(stretch)}\n${percent(share)} have ${between(bin)}`,
          },
        },
        {
          name: `the best ${best.length}`,
          type: "scatter",
          xAxisIndex: 1,
          yAxisIndex: 1,
          symbolSize: 10,
          itemStyle: { color: palette.surface, borderColor: palette.bad, borderWidth: 2 },
          data: best.map((row) => [row.number, row.values[gene]]),
          tooltip: {
            formatter: ({ dataIndex }: { dataIndex: number }) =>
              `candidate ${count(best[dataIndex]?.number)}: ${coefficient(best[dataIndex]?.values[gene])}`,
          },
        },
      ],
    },
    description: `${label}: between ${coefficient(low)} and ${coefficient(high)} over the whole search; the best candidate has ${coefficient(best[0]?.values[gene])}.`,
    table: {
      columns: ["candidates", "how many", ...(shares[0] ?? []).map((_, bin) => between(bin))],
      rows: shares.map((bins, i) => [range(i), counts[i] as number, ...bins]),
    },
    sampled: { shown: rows.length, total, what: "searched candidates" },
  };
}
