import type { CustomSeriesRenderItem, CustomSeriesRenderItemAPI } from "echarts";
import { phrase } from "@/format/numbers";
import { GRID } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { type Lineage, layOut, type Node, type Placed } from "./layout";

const ROW_PX = 84;
/** Narrower columns scroll. */
const COLUMN_PX = 210;
const BOX_PX = 54;
/** Share of a column's width that its boxes take; lines and their labels have the rest. */
const BOX_SHARE = 0.56;

/** Colour and sign of each kind. */
const KINDS: Record<Node["kind"], readonly [color: keyof Palette, sign: string]> = {
  model: ["series-6", "◆"],
  merge: ["series-1", "⋈"],
  candidate: ["series-3", "●"],
  artifact: ["series-4", "▣"],
};

interface Box {
  x: number;
  y: number;
  width: number;
}

/** Models to the left, what was made of them to the right; `open` is told the address of a clicked node. */
export function lineageDrawing(data: Lineage, palette: Palette, open: (node: Node) => void): Drawing {
  const { placed, columns, rows } = layOut(data);
  const byId = new Map(placed.map((one) => [one.node.id, one]));
  const links = data.edges.flatMap((edge) => {
    const [from, to] = [byId.get(edge.source), byId.get(edge.target)];
    return from === undefined || to === undefined ? [] : [{ label: phrase(edge.label), from, to }];
  });
  const hidden = { type: "value", show: false, min: 0 };
  const box = (api: CustomSeriesRenderItemAPI, one: Placed): Box => {
    const [x, y] = api.coord([one.column + 0.5, one.height]) as [number, number];
    const [next] = api.coord([one.column + 1.5, one.height]) as [number, number];
    return { x, y, width: Math.min((next - x) * BOX_SHARE, 300) };
  };
  const name = ({ node }: Placed) => node.label;
  return {
    height: Math.max(180, rows * ROW_PX + 24),
    minWidth: columns * COLUMN_PX,
    option: {
      grid: { ...GRID, top: 8, left: 0, right: 0 },
      xAxis: { ...hidden, max: columns },
      yAxis: { ...hidden, max: 1, inverse: true },
      tooltip: { trigger: "item" },
      series: [
        {
          type: "custom",
          name: "links",
          encode: { x: 0, y: 1 },
          data: links.map(({ from, to, label }) => ({
            value: [from.column + 0.5, from.height],
            tooltip: { formatter: () => `${name(from)} → ${name(to)}${label ? `\n${label}` : ""}` },
          })),
          renderItem: ((params, api) => {
            const link = links[params.dataIndex];
            if (link === undefined) return null;
            return drawLink(box(api, link.from), box(api, link.to), link.label, palette);
          }) satisfies CustomSeriesRenderItem,
        },
        {
          type: "custom",
          name: "nodes",
          encode: { x: 0, y: 1 },
          data: placed.map((one) => ({
            value: [one.column + 0.5, one.height],
            tooltip: { formatter: () => `${one.node.label}\n${one.node.detail}` },
          })),
          renderItem: ((params, api) => {
            const one = placed[params.dataIndex];
            return one === undefined ? null : drawNode(box(api, one), one.node, palette);
          }) satisfies CustomSeriesRenderItem,
        },
      ],
    },
    on: {
      click: (event: { seriesName: string; dataIndex: number }) => {
        const node = placed[event.dataIndex]?.node;
        if (event.seriesName === "nodes" && node !== undefined) open(node);
      },
    },
    description: finding(data),
    table: {
      columns: ["what", "kind", "detail", "made of"],
      rows: data.nodes.map((node) => [
        node.label,
        node.kind,
        node.detail,
        links
          .filter(({ to }) => to.node.id === node.id)
          .map(({ from, label }) => (label ? `${name(from)} (${label})` : name(from)))
          .join("; ") || null,
      ]),
    },
  };
}

function finding({ nodes }: Lineage): string {
  const models = nodes.filter((node) => node.kind === "model").length;
  const last = nodes.findLast((node) => node.kind !== "model");
  return `${last === undefined ? "The result" : last.label} comes from ${models} ${models === 1 ? "model" : "models"}; the same is below as a tree.`;
}

function drawNode({ x, y, width }: Box, node: Node, palette: Palette) {
  const [color, sign] = KINDS[node.kind];
  const [left, top] = [x - width / 2, y - BOX_PX / 2];
  const line = (text: string, at: number, more: object) => ({
    type: "text" as const,
    style: { text, x: left + 14, y: at, width: width - 24, overflow: "truncate" as const, ...more },
  });
  return {
    type: "group" as const,
    children: [
      {
        type: "rect" as const,
        shape: { x: left, y: top, width, height: BOX_PX, r: 6 },
        style: { fill: palette.surface, stroke: palette["line-strong"], lineWidth: 1 },
      },
      {
        type: "rect" as const,
        shape: { x: left, y: top, width: 5, height: BOX_PX, r: [6, 0, 0, 6] },
        style: { fill: palette[color] },
      },
      line(`${sign} ${node.label}`, top + 12, { fill: palette.text, fontSize: 13, fontWeight: 600 }),
      line(node.detail, top + 33, { fill: palette.muted, fontSize: 11 }),
    ],
  };
}

function drawLink(from: Box, to: Box, label: string, palette: Palette) {
  const [x1, x2] = [from.x + from.width / 2, to.x - to.width / 2];
  const middle = (x1 + x2) / 2;
  return {
    type: "group" as const,
    children: [
      {
        type: "bezierCurve" as const,
        shape: { x1, y1: from.y, x2: x2 - 6, y2: to.y, cpx1: middle, cpy1: from.y, cpx2: middle, cpy2: to.y },
        style: { fill: "none", stroke: palette["line-strong"], lineWidth: 1.5 },
      },
      {
        type: "polygon" as const,
        shape: {
          points: [
            [x2, to.y],
            [x2 - 8, to.y - 4],
            [x2 - 8, to.y + 4],
          ],
        },
        style: { fill: palette["line-strong"] },
      },
      ...(label === "" || x2 - x1 < 48
        ? []
        : [
            {
              type: "text" as const,
              style: {
                text: label,
                // Beside the beginning of its own line, where lines are apart, on the side that it turns away from.
                x: x1 + 6,
                y: to.y < from.y ? from.y + 4 : from.y - 3,
                verticalAlign: to.y < from.y ? ("top" as const) : ("bottom" as const),
                width: x2 - x1 - 16,
                overflow: "truncate" as const,
                fill: palette.muted,
                // Lines of others may cross it.
                stroke: palette.surface,
                lineWidth: 3,
                fontSize: 11,
              },
            },
          ]),
    ],
  };
}
