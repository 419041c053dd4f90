import { count, score as shown } from "@/format/numbers";
import { GRID, LINE_ICON, legend, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import { intervals } from "../marks";
import type { Palette } from "../palette";
import { areaOf, frontOf, nameOf, type Place, score } from "./places";

export interface ParetoData {
  places: readonly Place[];
  /** The base's score on each task, where it is known. */
  reference: Readonly<Record<string, number>>;
  /** Of all tasks together, once the experiment is finished. */
  hypervolume: number | null;
  /** How many candidates there are, and that one of so many was looked at. */
  looked: { total: number; every: number };
}

interface Chosen {
  across: string;
  up: string;
  pinned: number | null;
}

/** Points from which on they are drawn smaller, since they cover each other. */
const MANY = 300;

/** Two tasks against each other: who is best on one, on the other, and between them. */
export function paretoDrawing(
  { places, reference, hypervolume, looked }: ParetoData,
  { across, up, pinned }: Chosen,
  palette: Palette,
  pin: (number: number) => void,
): Drawing {
  const known = places.filter((place) => across in place.tasks && up in place.tasks);
  const front = frontOf(known, across, up);
  const leading = new Set(front);
  const base: [number, number] = [reference[across] ?? 0, reference[up] ?? 0];
  const point = (place: Place) => [score(place, across), score(place, up), place.number];
  const cross = (some: readonly Place[], color: string, width: number) =>
    (["x", "y"] as const).map((along) =>
      intervals(
        `interval ${along}`,
        along,
        some.map((place) => {
          const { low, high } = place.tasks[along === "x" ? across : up] as { low: number; high: number };
          return { x: score(place, across), y: score(place, up), low, high, color };
        }),
        { width, opacity: 0.7, cap: 3 },
      ),
    );
  const scatter = (name: string, some: readonly Place[], look: object) => ({
    name,
    type: "scatter",
    cursor: "pointer",
    data: some.map(point),
    ...look,
  });
  const selected = known.filter((place) => place.number === pinned);
  const dominated = known.filter((place) => !leading.has(place));
  return {
    height: 440,
    option: {
      grid: { ...GRID, top: 44, right: 56 },
      legend: legend(palette, {
        data: [
          { name: "front", icon: LINE_ICON },
          "on the front",
          "front of other tasks",
          "searched",
          "parents and plain merges",
        ],
      }),
      xAxis: valueAxis(palette, across),
      yAxis: valueAxis(palette, up, { nameGap: 44 }),
      tooltip: {
        formatter: ({ data }: { data: readonly number[] }) => {
          const place = known.find((one) => one.number === data[2]);
          return place === undefined ? "" : placeText(place, across, up);
        },
      },
      series: [
        {
          name: "front",
          type: "line",
          // Between two of them, what both reach is the corner of the lower scores.
          step: "end",
          symbol: "none",
          silent: true,
          color: palette["series-1"],
          lineStyle: { width: 1.75 },
          data: front.map(point),
        },
        ...cross(
          dominated.filter((place) => place.baseline || place.number === pinned),
          palette["line-strong"],
          1,
        ),
        ...cross(front, palette["series-1"], 1.25),
        scatter(
          "parents and plain merges",
          dominated.filter((place) => place.baseline),
          {
            symbol: "rect",
            symbolSize: 8,
            color: palette["series-2"],
            itemStyle: { opacity: 0.75 },
          },
        ),
        scatter(
          "searched",
          dominated.filter((place) => !place.baseline && !place.front),
          {
            symbolSize: dominated.length > MANY ? 4 : 6,
            color: palette.noise,
            itemStyle: { opacity: dominated.length > MANY ? 0.35 : 0.55 },
          },
        ),
        scatter(
          "front of other tasks",
          dominated.filter((place) => !place.baseline && place.front),
          {
            symbolSize: 9,
            itemStyle: { color: palette.surface, borderColor: palette["series-1"], borderWidth: 2 },
          },
        ),
        scatter("on the front", front, {
          symbol: "circle",
          symbolSize: 10,
          color: palette["series-1"],
          z: 4,
          label: {
            show: true,
            position: "top",
            color: palette.text,
            fontSize: 11,
            // Its own interval goes on behind it.
            textBorderColor: palette.surface,
            textBorderWidth: 3,
            formatter: ({ dataIndex }: { dataIndex: number }) => nameOf(front[dataIndex] as Place),
          },
          labelLayout: { hideOverlap: true },
        }),
        scatter("pinned", selected, {
          symbolSize: 22,
          itemStyle: { color: "transparent", borderColor: palette["series-4"], borderWidth: 2.5 },
          silent: true,
          z: 5,
        }),
      ],
    },
    ...(looked.every > 1
      ? {
          sampled: {
            shown: known.length,
            total: looked.total,
            what: "candidates (those with all search items)",
          },
        }
      : {}),
    description: finding(front, across, up, areaOf(front, across, up, base), hypervolume),
    table: {
      columns: ["candidate", "label", "on the front", across, "low", "high", up, "low ", "high "],
      rows: known.map((place) => [
        place.number,
        place.label,
        leading.has(place) ? "yes" : "no",
        ...[across, up].flatMap((task) => {
          const { mean, low, high } = place.tasks[task] as { mean: number; low: number; high: number };
          return [mean, low, high];
        }),
      ]),
    },
    on: {
      click: ({ data }: { data: unknown }) => {
        if (Array.isArray(data) && data.length === 3) pin(data[2] as number);
      },
    },
  };
}

const placeText = (place: Place, across: string, up: string): string =>
  [
    nameOf(place),
    ...[across, up].map((task) => {
      const { mean, low, high } = place.tasks[task] as { mean: number; low: number; high: number };
      return `${task}: ${shown(mean)} (${shown(low)} to ${shown(high)})`;
    }),
  ].join("\n");

function finding(
  front: readonly Place[],
  across: string,
  up: string,
  area: number,
  hypervolume: number | null,
): string {
  const [first, last] = [front[0], front.at(-1)];
  if (first === undefined || last === undefined) return "Nobody has been scored on both tasks yet.";
  const volume = hypervolume === null ? "" : `; over all tasks ${shown(hypervolume)}`;
  const ends =
    first === last
      ? `${nameOf(first)} is best on both`
      : `${nameOf(first)} is best on ${across} (${shown(score(first, across))}), ${nameOf(last)} on ${up} (${shown(score(last, up))})`;
  return `${count(front.length)} on the front: ${ends}. Hypervolume above the base: ${shown(area)} on these two tasks${volume}.`;
}
