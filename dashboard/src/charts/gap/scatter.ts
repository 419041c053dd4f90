import type { Schemas } from "@/api/client";
import { difference, interval, score } from "@/format/numbers";
import { GRID, legend, lineEntry, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import { intervals } from "../marks";
import type { Palette } from "../palette";
import { type Gap, type Generalisation, gapsOf, type HeldOut, nameOf } from "./gaps";

type Kind = Schemas["CandidateKind"];

/** Shape and colour of each kind, so that neither is needed alone. */
const LOOKS: readonly (readonly [Kind, string, string, keyof Palette])[] = [
  ["search", "searched", "circle", "series-1"],
  ["baseline", "parents and plain merges", "diamond", "series-2"],
  ["mean", "mean of the search", "triangle", "series-3"],
  ["injected", "proposed by a person", "rect", "series-4"],
];

const NO_GAP = "no gap";
const PATH = "best so far, in order";

/** Both axes over the same range, so that the diagonal means "as good as it looked". */
function commonRange(gaps: readonly Gap[]): [number, number] {
  const ends = gaps.flatMap(({ search, held }) => [search.low, search.high, held.low, held.high]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const step = high - low > 0.5 ? 0.2 : 0.05;
  const [down, up] = [Math.floor(low / step - 0.1) * step, Math.ceil(high / step + 0.1) * step];
  // Most scores are shares.
  return [low >= 0 ? Math.max(down, 0) : down, high <= 1 ? Math.min(up, 1) : up];
}

/** Search scores against held-out scores. `winner`: the number of the chosen candidate. */
export function gapScatter(
  data: Generalisation,
  palette: Palette,
  split: HeldOut,
  winner: number | null,
): Drawing {
  const gaps = gapsOf(data, split);
  const [low, high] = commonRange(gaps);
  const chosen = gaps.find(({ candidate }) => candidate.number === winner);
  const tip = ({ candidate, search, held, gap, margin }: Gap) =>
    [
      `${nameOf(candidate)}${candidate.number === winner ? " (winner)" : ""}, candidate ${candidate.number}`,
      `search ${score(search.mean)} (${interval(search.low, search.high)}), ${search.items} items`,
      `${split} ${score(held.mean)} (${interval(held.low, held.high)}), ${held.items} items`,
      `gap ${difference(gap)} ± ${score(margin)}`,
    ].join("\n");
  const leaders = new Set(data.incumbents.number);
  const path = gaps
    .filter(({ candidate }) => leaders.has(candidate.number))
    .sort((a, b) => a.candidate.number - b.candidate.number);
  const groups = LOOKS.filter(([kind]) => gaps.some(({ candidate }) => candidate.kind === kind));
  const point = (one: Gap) => ({
    value: [one.search.mean, one.held.mean],
    symbolSize: one === chosen ? 16 : 10,
    ...(one === chosen ? { itemStyle: { borderColor: palette.text, borderWidth: 2 } } : {}),
    label: {
      show: one === chosen,
      formatter: "winner",
      position: "right",
      color: palette.text,
      fontWeight: 600,
      // Its own interval goes on behind it.
      textBorderColor: palette.surface,
      textBorderWidth: 3,
    },
    tooltip: { formatter: () => tip(one) },
  });
  const axis = { min: low, max: high, scale: true };
  return {
    height: 420,
    option: {
      grid: { ...GRID, top: 44, right: 24 },
      legend: legend(palette, {
        type: "scroll",
        data: [
          ...groups.map(([, name]) => name),
          lineEntry(NO_GAP),
          ...(path.length > 1 ? [lineEntry(PATH)] : []),
        ],
      }),
      xAxis: valueAxis(palette, "score on the search items", axis),
      yAxis: valueAxis(palette, `score on the ${split} items`, { ...axis, nameGap: 44 }),
      tooltip: { trigger: "item" },
      series: [
        {
          name: NO_GAP,
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
        intervals(
          "search 95 %",
          "x",
          gaps.map(({ search, held }) => ({ ...search, x: search.mean, y: held.mean, color: palette.noise })),
          { width: 1 },
        ),
        intervals(
          "held-out 95 %",
          "y",
          gaps.map(({ search, held }) => ({ ...held, x: search.mean, y: held.mean, color: palette.noise })),
          { width: 1 },
        ),
        {
          name: PATH,
          type: "line",
          silent: true,
          symbol: "none",
          color: palette["series-1"],
          lineStyle: { width: 1.5 },
          data: path.length > 1 ? path.map(({ search, held }) => [search.mean, held.mean]) : [],
        },
        ...groups.map(([kind, name, symbol, color]) => ({
          name,
          type: "scatter",
          symbol,
          color: palette[color],
          z: 4,
          data: gaps.filter(({ candidate }) => candidate.kind === kind).map(point),
        })),
      ],
    },
    description: describe(gaps, split, chosen),
    table: {
      columns: ["candidate", "name", "kind", "search", "search 95 %", split, `${split} 95 %`, "gap", "gap ±"],
      rows: gaps.map(({ candidate, search, held, gap, margin }) => [
        candidate.number,
        nameOf(candidate),
        candidate.kind,
        search.mean,
        interval(search.low, search.high),
        held.mean,
        interval(held.low, held.high),
        gap,
        margin,
      ]),
    },
  };
}

function describe(gaps: readonly Gap[], split: HeldOut, chosen: Gap | undefined): string {
  const above = gaps.filter((one) => one.alert).length;
  const of = `${above} of ${gaps.length} candidates score better on the search items than on the ${split} items by more than noise.`;
  if (chosen === undefined) return of;
  const held = `The winner has ${score(chosen.search.mean)} on the search and ${score(chosen.held.mean)} on the ${split} items.`;
  return `${held} ${of}`;
}
