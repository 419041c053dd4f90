import type { CustomSeriesRenderItem } from "echarts";
import type { Schemas } from "@/api/client";
import { count, duration, percent } from "@/format/numbers";
import { GRID, legend, type Unit, unitOf, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";

export type Timeline = Schemas["Timeline"];

const LANE_PX = 26;
const BAR_PX = 14;

/** What an evaluation is drawn as; hatches tell apart what colours alone would. */
interface Look {
  name: string;
  color: string;
  hatch: "none" | "/" | "x";
  is: (data: Timeline, i: number) => boolean;
}

function looks(palette: Palette): Look[] {
  const done = (split: Schemas["Split"]) => (data: Timeline, i: number) =>
    data.state[i] === "done" && data.split[i] === split;
  return [
    { name: "search items", color: palette["series-1"], hatch: "none", is: done("search") },
    { name: "selection items", color: palette["series-3"], hatch: "none", is: done("selection") },
    { name: "test items", color: palette["series-4"], hatch: "none", is: done("test") },
    {
      name: "running now",
      color: palette.noise,
      hatch: "none",
      is: ({ state }, i) => state[i] === "running",
    },
    { name: "lost", color: palette.warn, hatch: "/", is: ({ state }, i) => state[i] === "lost" },
    { name: "infeasible", color: palette.bad, hatch: "x", is: ({ state }, i) => state[i] === "infeasible" },
  ];
}

/** Which worker did what when: a lane per worker, a bar per evaluation. */
export function timelineDrawing(data: Timeline, palette: Palette): Drawing {
  const end = lastSecond(data);
  const unit = unitOf(end);
  const lanes = data.workers.map(({ name }) => name);
  const side = { color: palette.muted, fontSize: 12 };
  return {
    height: 128 + lanes.length * LANE_PX,
    minWidth: 560,
    sampled: { shown: data.shown, total: data.total, what: "attempts" },
    option: {
      grid: { ...GRID, top: 36, bottom: 34 },
      legend: legend(palette, { type: "scroll", itemWidth: 14, itemHeight: 10 }),
      xAxis: valueAxis(palette, `${unit.name} since the start`, {
        min: 0,
        max: end / unit.size,
        scale: false,
        nameGap: 28,
        axisLabel: { ...side, showMaxLabel: false },
      }),
      yAxis: [
        lane(lanes.map(shortened), side, "left"),
        lane(
          data.workers.map(({ utilisation, lost }) =>
            [`${percent(utilisation)} busy`, ...(lost > 0 ? [`${count(lost)} lost`] : [])].join(", "),
          ),
          side,
          "right",
        ),
      ],
      dataZoom: [
        {
          type: "slider",
          height: 18,
          bottom: 4,
          showDataShadow: false,
          labelFormatter: (value: number) => duration(value * unit.size),
          textStyle: side,
        },
        // The wheel scrolls the page; with the key it zooms.
        { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false },
      ],
      tooltip: { trigger: "item" },
      series: [
        ...looks(palette)
          .map((look) => bars(data, look, palette, end, unit))
          .filter((one) => one.data.length > 0),
        ...(repeated(data).length > 0 ? [again(data, palette, unit)] : []),
        // An axis without a series has no labels.
        { type: "custom", yAxisIndex: 1, silent: true, data: [], renderItem: () => null },
      ],
    },
    description: describe(data, end),
    table: {
      columns: [
        "worker",
        "candidate",
        "split",
        "block",
        "attempt",
        "state",
        "started (s)",
        "finished (s)",
        "lost because",
      ],
      rows: data.number.map((number, i) => [
        lanes[data.lane[i] ?? -1] ?? null,
        number,
        data.split[i] ?? null,
        data.block[i] === -1 ? "all" : (data.block[i] ?? null),
        data.attempt[i] ?? null,
        data.state[i] ?? null,
        data.started_s[i] ?? null,
        data.finished_s[i] ?? null,
        data.lost_because[i] ?? null,
      ]),
    },
  };
}

const lastSecond = (data: Timeline): number =>
  Math.max(
    (Date.parse(data.end) - Date.parse(data.start)) / 1000,
    ...data.finished_s.map((one) => one ?? 0),
    1,
  );

const shortened = (name: string): string => (name.length > 22 ? `…${name.slice(-21)}` : name);

const lane = (data: readonly string[], axisLabel: object, position: "left" | "right"): object => ({
  type: "category",
  data,
  position,
  inverse: true,
  axisLine: { show: false },
  axisTick: { show: false },
  axisLabel: { ...axisLabel, interval: 0 },
});

function bars(data: Timeline, look: Look, palette: Palette, end: number, { size }: Unit) {
  const shown = data.number.flatMap((number, i) =>
    look.is(data, i) ? [{ number, i, from: data.started_s[i] ?? 0, to: data.finished_s[i] ?? end }] : [],
  );
  const decal =
    look.hatch === "none"
      ? null
      : {
          symbol: "rect",
          color: palette.surface,
          dashArrayX: [1, 0],
          dashArrayY: [2, 3],
          rotation: look.hatch === "/" ? -Math.PI / 4 : Math.PI / 4,
        };
  return {
    name: look.name,
    type: "custom",
    color: look.color,
    itemStyle: decal === null ? {} : { decal },
    encode: { x: [1, 2], y: 0 },
    clip: true,
    data: shown.map(({ number, i, from, to }) => ({
      value: [data.lane[i] ?? 0, from / size, to / size],
      tooltip: {
        formatter: () =>
          [
            `candidate ${number}, ${data.split[i]}${data.block[i] === -1 ? "" : `, block ${data.block[i]}`}`,
            `${attemptText(data, i)}${data.state[i]} on ${data.workers[data.lane[i] ?? -1]?.name ?? "?"}`,
            `${duration(to - from)}, from ${duration(from)} on`,
            ...(data.lost_because[i] === undefined ? [] : [data.lost_because[i]]),
          ].join("\n"),
      },
    })),
    renderItem: ((_params, api) => {
      const [left, middle] = api.coord([api.value(1), api.value(0)]) as [number, number];
      const [right] = api.coord([api.value(2), api.value(0)]) as [number, number];
      // A gap between neighbours; never so thin that nobody sees it.
      const width = Math.max(right - left - 0.75, 1);
      const shape = { x: left, y: middle - BAR_PX / 2, width, height: BAR_PX, r: width > 5 ? 2 : 0 };
      return {
        type: "rect",
        shape,
        style: { fill: look.color, ...(decal === null ? {} : { decal: { ...decal } }) },
      };
    }) as CustomSeriesRenderItem,
  };
}

/** Places of attempts at what was lost before, the lost ones among them left out. */
const repeated = ({ attempt, state }: Timeline): number[] =>
  attempt.flatMap((count, i) => (count > 1 && state[i] !== "lost" ? [i] : []));

const attemptText = ({ attempt, state }: Timeline, i: number): string =>
  (attempt[i] ?? 1) > 1 || state[i] === "lost" ? `attempt ${count(attempt[i])}, ` : "";

/** A mark above the bars that do again what was lost. */
function again(data: Timeline, palette: Palette, { size }: Unit): object {
  return {
    name: "done again",
    type: "scatter",
    symbol: "triangle",
    symbolRotate: 180,
    symbolSize: [9, 7],
    symbolOffset: [0, -BAR_PX / 2 - 2],
    silent: true,
    color: palette.text,
    z: 4,
    data: repeated(data).map((i) => [(data.started_s[i] ?? 0) / size, data.lane[i] ?? 0]),
  };
}

function describe(data: Timeline, end: number): string {
  const busy = data.workers.reduce((sum, one) => sum + one.busy_s, 0);
  const span = data.workers.reduce((sum, one) => sum + one.span_s, 0);
  const lost = data.workers.reduce((sum, one) => sum + one.lost, 0);
  const workers = data.workers.length === 1 ? "One worker was" : `${count(data.workers.length)} workers were`;
  const attempts = `${lost === 1 ? "1 attempt was" : `${count(lost)} attempts were`} lost`;
  const again = repeated(data).length;
  return `${workers} busy ${percent(span > 0 ? busy / span : null)} of ${duration(end)}${lost > 0 ? `; ${attempts}, ${count(again)} of those shown ${again === 1 ? "does" : "do"} again what was lost` : ""}.`;
}
