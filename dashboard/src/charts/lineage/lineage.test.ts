// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { lineageDrawing } from "./drawing";
import { type Lineage, layOut, type Node, trees } from "./layout";

const node = (id: string, kind: Node["kind"] = "model"): Node => ({
  id,
  kind,
  label: id,
  detail: "",
  href: null,
});
const edge = (source: string, target: string, label = "") => ({ source, target, label });
const data: Lineage = {
  reason: null,
  nodes: [
    node("base"),
    node("a"),
    node("merge", "merge"),
    node("best", "candidate"),
    node("file", "artifact"),
  ],
  edges: [
    edge("base", "merge"),
    edge("a", "merge", "weight 0.7"),
    edge("merge", "best"),
    edge("best", "file"),
  ],
};

describe("layOut", () => {
  it("puts everything to the right of what it is made of", () => {
    const { placed, columns, rows } = layOut(data);
    expect(placed.map((one) => [one.node.id, one.column])).toEqual([
      ["base", 0],
      ["a", 0],
      ["merge", 1],
      ["best", 2],
      ["file", 3],
    ]);
    expect([columns, rows]).toEqual([4, 2]);
    expect(placed.slice(0, 3).map((one) => one.height)).toEqual([0.25, 0.75, 0.5]);
  });
  it("ends where somebody wrote a circle", () => {
    const circle = { ...data, edges: [edge("a", "merge"), edge("merge", "a")] };
    expect(layOut(circle).placed).toHaveLength(5);
    expect(trees(circle).map((one) => one.node.id)).toEqual(["base", "best", "file"]);
  });
});

describe("trees", () => {
  it("begins with what was made last and names the weights", () => {
    const [file] = trees(data);
    const merge = file?.parts[0]?.parts[0];
    expect([file?.node.id, merge?.node.id]).toEqual(["file", "merge"]);
    expect(merge?.parts.map((one) => [one.node.id, one.label])).toEqual([
      ["base", ""],
      ["a", "weight 0.7"],
    ]);
  });
});

describe("lineageDrawing", () => {
  it("opens nodes, not links, and has everything in its table", () => {
    const open = vi.fn();
    const { on, table, description } = lineageDrawing(data, paletteForTests, open);
    const click = on?.click as unknown as (event: object) => void;
    click({ seriesName: "links", dataIndex: 0 });
    expect(open).not.toHaveBeenCalled();
    click({ seriesName: "nodes", dataIndex: 3 });
    expect(open).toHaveBeenCalledWith(data.nodes[3]);
    expect(table.rows[2]).toEqual(["merge", "merge", "", "base; a (weight 0.7)"]);
    expect(description).toContain("file comes from 2 models");
  });
});
