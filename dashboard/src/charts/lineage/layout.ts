/** Places of a lineage's nodes: from left to right by what is made of what. */
import type { Schemas } from "@/api/client";

export type Lineage = Schemas["Lineage"];
export type Node = Schemas["LineageNode"];

export interface Placed {
  node: Node;
  /** Longest way from something that is made of nothing. */
  column: number;
  /** From 0 to 1, within its column. */
  height: number;
}

export interface Layout {
  placed: readonly Placed[];
  columns: number;
  /** Nodes in the fullest column. */
  rows: number;
}

export function layOut({ nodes, edges }: Lineage): Layout {
  const into = (id: string) => edges.filter((edge) => edge.target === id);
  const columns = new Map<string, number>();
  function columnOf(id: string, seen: readonly string[]): number {
    const known = columns.get(id);
    if (known !== undefined) return known;
    if (seen.includes(id)) return 0;
    const found = Math.max(0, ...into(id).map((edge) => columnOf(edge.source, [...seen, id]) + 1));
    columns.set(id, found);
    return found;
  }
  for (const node of nodes) columnOf(node.id, []);

  const count = Math.max(0, ...columns.values()) + 1;
  const byColumn = Array.from({ length: count }, (_, at) => nodes.filter(({ id }) => columns.get(id) === at));
  const heights = new Map<string, number>();
  for (const members of byColumn) {
    // Below each other in the order of what they are made of, so that few lines cross.
    const pull = (node: Node) => {
      const sources = into(node.id).map((edge) => heights.get(edge.source) ?? 0.5);
      return sources.reduce((sum, one) => sum + one, 0) / Math.max(sources.length, 1);
    };
    members
      .toSorted((a, b) => pull(a) - pull(b))
      .forEach((node, i) => {
        heights.set(node.id, (i + 0.5) / members.length);
      });
  }
  return {
    placed: nodes.map((node) => ({
      node,
      column: columns.get(node.id) ?? 0,
      height: heights.get(node.id) ?? 0.5,
    })),
    columns: count,
    rows: Math.max(1, ...byColumn.map((members) => members.length)),
  };
}

/** A node with what it is made of; a node that went into several is below each of them. */
export interface Branch {
  node: Node;
  /** How it went into what is above it. */
  label: string;
  parts: readonly Branch[];
}

/** The same as trees, from what was made last down to what it is made of. */
export function trees({ nodes, edges }: Lineage): Branch[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const into = (id: string) => edges.filter((edge) => edge.target === id);
  const used = new Set(edges.map((edge) => edge.source));
  const branch = (node: Node, label: string, above: readonly string[]): Branch => ({
    node,
    label,
    parts: into(node.id).flatMap((edge) => {
      const source = byId.get(edge.source);
      const path = [...above, node.id];
      return source === undefined || path.includes(source.id) ? [] : [branch(source, edge.label, path)];
    }),
  });
  return nodes.filter((node) => !used.has(node.id)).map((node) => branch(node, "", []));
}
