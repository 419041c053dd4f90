/** Marks that ECharts has no series for: bands between two lines, and intervals with caps. */

type Place = [number, number];
interface Api {
  coord(value: readonly (number | string)[]): Place;
  value(dimension: number): number;
}
interface Item {
  dataIndexInside: number;
}

/** The area between a low and a high line, from rows of x, low, high. */
export function band(
  name: string,
  color: string,
  rows: readonly (readonly [number, number, number])[],
): object {
  return {
    name,
    type: "custom",
    color,
    itemStyle: { color },
    data: rows,
    encode: { x: 0, y: [1, 2] },
    silent: true,
    z: 1,
    renderItem: (item: Item, api: Api) => {
      if (item.dataIndexInside !== 0) return null;
      const low = rows.map(([x, from]) => api.coord([x, from]));
      const high = rows.map(([x, , to]) => api.coord([x, to]));
      return {
        type: "polygon",
        shape: { points: [...low, ...high.reverse()] },
        style: { fill: color, opacity: 0.16 },
      };
    },
  };
}

export interface Interval {
  x: number | string;
  y: number | string;
  low: number;
  high: number;
  color: string;
}

interface Look {
  width?: number;
  opacity?: number;
  /** Half the length of a cap, in pixels; 0 for none. */
  cap?: number;
}

/** Intervals with caps; `along` is the axis that low and high are on. */
export function intervals(
  name: string,
  along: "x" | "y",
  rows: readonly Interval[],
  { width = 1.5, opacity = 1, cap = 4 }: Look = {},
): object {
  const ends = ({ x, y }: Interval, value: number) => (along === "x" ? [value, y] : [x, value]);
  const [dx, dy] = along === "x" ? [0, cap] : [cap, 0];
  return {
    name,
    type: "custom",
    silent: true,
    z: 3,
    encode: along === "x" ? { x: [0, 1], y: 2 } : { x: 2, y: [0, 1] },
    data: rows.map((row) => [row.low, row.high, along === "x" ? row.y : row.x]),
    renderItem: (item: Item & { dataIndex: number }, api: Api) => {
      const row = rows[item.dataIndex] as Interval;
      const [from, to] = [api.coord(ends(row, row.low)), api.coord(ends(row, row.high))];
      const line = (a: Place, b: Place) => ({
        type: "line",
        shape: { x1: a[0], y1: a[1], x2: b[0], y2: b[1] },
        style: { stroke: row.color, lineWidth: width, opacity },
      });
      const across = ([x, y]: Place) => line([x - dx, y - dy], [x + dx, y + dy]);
      const caps = cap > 0 ? [across(from), across(to)] : [];
      return { type: "group", children: [line(from, to), ...caps] };
    },
  };
}
