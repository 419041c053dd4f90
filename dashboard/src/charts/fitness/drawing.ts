import type { Schemas } from "@/api/client";
import { count, interval, score } from "@/format/numbers";
import { DASH_ICON, endless, GRID, LINE_ICON, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import { band, type EndLabel, endLabels, intervals } from "../marks";
import type { Palette } from "../palette";
import { type Axis, type Places, placesOn } from "./places";
import { beneath, floorOf, references } from "./references";

type Role = Schemas["RoleView"];
type Pair = [number, number];

type Series = Schemas["Series"];

export interface FitnessData {
  series: Series;
  /** The same in wide buckets, so that a median and a band say something; null until it is there. */
  wide: Series | null;
  /** Null until it is there; the curve does not wait for it. */
  points: Schemas["Points"] | null;
  models: readonly Role[];
}

/** Candidates of a bucket below which its quantiles say nothing. */
const FEWEST = 4;
/** Width of the longest label beside the plot, in pixels. */
const LONGEST = 190;

const isParent = ({ role }: Role): boolean => role === "base" || role === "expert";

/** The 95 % interval of a candidate around its fitness, which may hold the reference term that scores do not. */
function spreadOf(model: Role): { low: number; high: number } | null {
  const found = model.splits.search;
  if (found === undefined || model.fitness === null) return null;
  return { low: model.fitness + found.low - found.mean, high: model.fitness + found.high - found.mean };
}

export function fitnessDrawing(
  data: FitnessData,
  axis: Axis,
  palette: Palette,
  open: (n: number) => void,
): Drawing {
  const { series, points, models } = data;
  const places = placesOn(series, axis);
  const wide = data.wide !== null && data.wide.width >= FEWEST ? data.wide : null;
  const widePlaces = wide === null ? places : placesOn(wide, axis, places.unit);
  const best = series.best.at(-1) ?? null;
  const merge = models.find((one) => one.role === "merge");
  const floor = floorOf(series, models);
  const labels = labelsOf(best, wide, models, places, palette).map((one) =>
    floor !== null && one.y < floor ? { ...one, y: floor, text: `▼ ${one.text}` } : one,
  );
  const margin = Math.min(
    Math.max(...labels.map(({ text, bold }) => text.length * (bold ? 7.4 : 6.6))) + 14,
    LONGEST,
  );
  return {
    height: 400,
    // There the labels stand above their lines.
    narrow: { grid: { ...GRID, top: 44, right: 12 } },
    option: {
      grid: { ...GRID, top: 44, right: margin },
      legend: legend(palette, {
        data: [
          { name: "best so far", icon: LINE_ICON },
          { name: "median", icon: DASH_ICON },
          { name: "10 to 90 %", itemStyle: { opacity: 0.3 } },
          "candidates",
        ],
      }),
      xAxis: valueAxis(palette, places.name, {
        min: 0,
        max: places.ends.at(-1) ?? 1,
        axisLabel: endless(palette),
      }),
      yAxis: valueAxis(palette, "fitness", { nameGap: 44, ...(floor === null ? {} : { min: floor }) }),
      tooltip: { trigger: "axis", formatter: bucketText(series, wide) },
      series: [
        candidatePoints(points, places, palette),
        band("10 to 90 %", palette["series-1"], bandRows(wide, widePlaces)),
        {
          name: "median",
          type: "line",
          symbol: "none",
          lineStyle: { width: 1.5, type: [4, 3] },
          color: palette.muted,
          data: line(wide?.median, widePlaces),
        },
        ...references(models)
          .filter((model) => floor === null || (model.fitness as number) >= floor)
          .map((model) => baselineLine(model, places, palette)),
        {
          name: "best so far",
          type: "line",
          step: "end",
          symbol: "none",
          lineStyle: { width: 2.5 },
          color: palette["series-1"],
          data: line(series.best, places),
          z: 4,
        },
        ...incumbentMark(merge, places, palette),
        endLabels(labels, margin - 10, palette.surface),
      ],
    },
    description: `${finding(series, models, merge)}${beneath(floor, series, models)}`,
    table: table(data),
    on: {
      click: (event: { seriesName: string; data: readonly number[] }) => {
        if (event.seriesName === "candidates" || event.seriesName === "incumbent")
          open(event.data[2] as number);
      },
    },
    ...(points === null
      ? {}
      : { sampled: { shown: points.shown, total: points.total, what: "candidates as points" } }),
  };
}

function labelsOf(
  best: number | null,
  wide: Series | null,
  models: readonly Role[],
  { ends }: Places,
  palette: Palette,
): EndLabel[] {
  const x = ends.at(-1) ?? 1;
  const middle = wide?.median?.at(-1) ?? null;
  return [
    ...(best === null
      ? []
      : [{ x, y: best, text: `best ${score(best)}`, color: palette["series-1"], bold: true }]),
    ...(middle === null ? [] : [{ x, y: middle, text: "median", color: palette.muted }]),
    ...references(models).map((model) => ({
      x,
      y: model.fitness as number,
      text: `${model.label} ${score(model.fitness)}`,
      color: colorOf(model, palette),
    })),
  ];
}

const colorOf = (model: Role, palette: Palette): string => palette[isParent(model) ? "series-2" : "series-3"];

function baselineLine(model: Role, { ends }: Places, palette: Palette): object {
  const value = model.fitness as number;
  return {
    name: model.label,
    type: "line",
    symbol: "none",
    silent: true,
    color: colorOf(model, palette),
    lineStyle: { width: 1.25, type: isParent(model) ? [6, 4] : [2, 3] },
    data: [
      [0, value],
      [ends.at(-1) ?? 1, value],
    ],
  };
}

function candidatePoints(points: Schemas["Points"] | null, places: Places, palette: Palette): object {
  const data = (points?.number ?? []).flatMap((number, i) => {
    const fitness = points?.fitness[i];
    return fitness == null || points?.kind[i] === "baseline" ? [] : [[places.of(number), fitness, number]];
  });
  return {
    name: "candidates",
    type: "scatter",
    // All of them are one shape: thousands of their own would take longer than everything else on the page.
    large: true,
    largeThreshold: 1,
    symbolSize: 3.5,
    color: palette.noise,
    itemStyle: { opacity: 0.45 },
    cursor: "pointer",
    data,
  };
}

function incumbentMark(merge: Role | undefined, places: Places, palette: Palette): object[] {
  if (merge === undefined || merge.fitness === null) return [];
  const x = places.of(merge.number);
  const spread = spreadOf(merge);
  return [
    ...(spread === null
      ? []
      : [
          intervals("interval", "y", [{ x, y: merge.fitness, ...spread, color: palette["series-1"] }], {
            width: 2,
          }),
        ]),
    {
      name: "incumbent",
      type: "scatter",
      symbol: "diamond",
      symbolSize: 11,
      color: palette["series-1"],
      itemStyle: { borderColor: palette.surface, borderWidth: 1.5 },
      data: [[x, merge.fitness, merge.number]],
      z: 5,
    },
  ];
}

const line = (values: readonly (number | null)[] = [], { ends }: Places): Pair[] =>
  ends.flatMap((x, i): Pair[] => (values[i] == null ? [] : [[x, values[i] as number]]));

const bandRows = (series: Series | null, { ends }: Places): [number, number, number][] =>
  ends.flatMap((x, i): [number, number, number][] => {
    const [low, high] = [series?.q10?.[i], series?.q90?.[i]];
    return low == null || high == null ? [] : [[x, low, high]];
  });

/** What the tooltip says of the bucket under the pointer. */
function bucketText(series: Series, wide: Series | null) {
  return (found: readonly { seriesName: string; dataIndex: number }[]): string => {
    const skipped = series.best.findIndex((value) => value !== null);
    const at = found.find(({ seriesName }) => seriesName === "best so far");
    if (at === undefined) return "";
    const i = at.dataIndex + skipped;
    const first = series.number[i] ?? 0;
    const last = Math.min(first + series.width, series.total) - 1;
    return [
      first === last ? `candidate ${count(first)}` : `candidates ${count(first)} to ${count(last)}`,
      `best so far ${score(series.best[i])}`,
      ...(wide === null ? [] : around(wide, Math.floor((first - (wide.number[0] ?? 0)) / wide.width))),
      ...(series.infeasible[i] ? [`${series.infeasible[i]} infeasible`] : []),
    ].join("\n");
  };
}

const around = (wide: Series, i: number): string[] => [
  `median ${score(wide.median?.[i])} of ${count(wide.scored[i])} around it`,
  `10 to 90 %: ${score(wide.q10?.[i])} to ${score(wide.q90?.[i])}`,
];

function finding(series: Series, models: readonly Role[], merge: Role | undefined): string {
  const spread = merge === undefined ? null : spreadOf(merge);
  const leader = (title: string, wanted: (one: Role) => boolean) => {
    const [first] = references(models)
      .filter(wanted)
      .sort((a, b) => (b.fitness as number) - (a.fitness as number));
    return first === undefined ? "" : `; ${title} is ${first.label} with ${score(first.fitness)}`;
  };
  const chosen =
    merge === undefined || spread === null
      ? ""
      : `, candidate ${merge.number} has ${score(merge.fitness)} (95 % interval ${interval(spread.low, spread.high)})`;
  return (
    `The best fitness is ${score(series.best.at(-1))} after ${count(series.total)} candidates${chosen}` +
    `${leader("the best parent", isParent)}${leader("the best plain merge", (one) => one.role === "baseline")}.`
  );
}

function table({ series, models }: FitnessData): Drawing["table"] {
  return {
    columns: [
      "what",
      "first candidate",
      "search items",
      "seconds",
      "worker seconds",
      "scored",
      "infeasible",
      "lowest",
      "10 %",
      "median",
      "90 %",
      "highest",
      "best so far",
    ],
    rows: [
      ...models.map((one) => [one.label || one.role, one.number, ...Array(10).fill(null), one.fitness]),
      ...series.number.map((number, i) => [
        "bucket",
        number,
        ...[series.items, series.seconds, series.worker_seconds, series.scored, series.infeasible].map(
          (column) => column?.[i] ?? null,
        ),
        ...[series.low, series.q10, series.median, series.q90, series.high, series.best].map(
          (column) => column?.[i] ?? null,
        ),
      ]),
    ],
  };
}
