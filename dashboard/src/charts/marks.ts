/** Marks that ECharts has no series for: bands between two lines, and intervals with caps. */

type Place = [number, number];
interface Api {
  coord(value: readonly (number | string)[]): Place;
  getWidth(): number;
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
    clip: true,
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
    clip: true,
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

export interface EndLabel {
  x: number;
  y: number;
  text: string;
  color: string;
  bold?: boolean;
}

const LINE_HEIGHT = 15;

/** Moves heights apart until neighbours are a line apart, as little as that takes; returns them in the given order. */
export function apart(heights: readonly number[], step = LINE_HEIGHT): number[] {
  const order = heights.map((_, i) => i).sort((a, b) => (heights[a] as number) - (heights[b] as number));
  // Groups of labels that touch, each spread around the mean of where its labels belong.
  const groups: { members: number[]; centre: number }[] = [];
  for (const index of order) {
    groups.push({ members: [index], centre: heights[index] as number });
    for (
      let last = groups.at(-1), before = groups.at(-2);
      last && before;
      last = groups.at(-1), before = groups.at(-2)
    ) {
      const needed = ((last.members.length + before.members.length) * step) / 2;
      if (last.centre - before.centre >= needed) break;
      const members = [...before.members, ...last.members];
      groups.splice(-2, 2, {
        members,
        centre: members.reduce((sum, one) => sum + (heights[one] as number), 0) / members.length,
      });
    }
  }
  const found = [...heights];
  for (const { members, centre } of groups)
    members.forEach((one, i) => {
      found[one] = centre + (i - (members.length - 1) / 2) * step;
    });
  return found;
}

/** Groups of places that are less than a width apart, each with the next: the labels there could touch. */
function neighbours(places: readonly number[], width: number): number[][] {
  const order = places.map((_, i) => i).sort((a, b) => (places[a] as number) - (places[b] as number));
  const groups: number[][] = [];
  for (const index of order) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && (places[index] as number) - (places[last] as number) < width)
      groups.at(-1)?.push(index);
    else groups.push([index]);
  }
  return groups;
}

/** Names of lines at their ends, moved apart where they would cover each other: beside the plot, else above the lines. */
export function endLabels(labels: readonly EndLabel[], width: number, halo: string): object {
  return {
    type: "custom",
    silent: true,
    z: 6,
    encode: { x: 0, y: 1 },
    data: labels.map(({ x, y }) => [x, y]),
    renderItem: (item: Item, api: Api) => {
      if (item.dataIndexInside !== 0) return null;
      const places = labels.map(({ x, y }) => api.coord([x, y]));
      const beside = api.getWidth() - Math.max(...places.map(([x]) => x)) >= width;
      const heights = places.map(([, y]) => (beside ? y : y - LINE_HEIGHT / 2));
      for (const members of neighbours(
        places.map(([x]) => x),
        width,
      )) {
        const moved = apart(members.map((one) => heights[one] as number));
        members.forEach((one, i) => {
          heights[one] = moved[i] as number;
        });
      }
      return {
        type: "group",
        children: labels.map(({ text, color, bold }, i) => ({
          type: "text",
          x: (places[i] as Place)[0] + (beside ? 6 : -4),
          y: heights[i],
          style: {
            text,
            fill: color,
            align: beside ? "left" : "right",
            // A line of others may go on behind it.
            stroke: halo,
            lineWidth: 3,
            backgroundColor: halo,
            font: `${bold ? "bold " : ""}12px sans-serif`,
            verticalAlign: "middle",
            width,
            overflow: "truncate",
          },
        })),
      };
    },
  };
}
