// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { paletteForTests } from "../palette.fixture";
import { searchDrawing } from "./drawing";
import { PANELS, type Panel } from "./panels";

const trace: Schemas["Trace"] = {
  genes: ["a", "b"],
  update: [1, 5, 9],
  number: [10, 50, 90],
  items: [100, 500, 900],
  sigma: [1, 0, 0.25],
  axis_ratio: [1, 4, 20],
  path_length: [1, 2, 3],
  expected_path_length: 1.4,
  eigenvalues: [
    [1, 1],
    [4, 0.5],
    [8, 0.02],
  ],
  bound_hits: [0, 0.1, 0.3],
  spread: [1, 1, 1],
  deviations: [],
  restarts: [4],
  reason: null,
};
const panel = (id: Panel["id"]) => PANELS.find((one) => one.id === id) as Panel;
const draw = (id: Panel["id"], axis: Parameters<typeof searchDrawing>[2] = "candidates") =>
  searchDrawing(trace, panel(id), axis, paletteForTests);
type Series = {
  data: [number, number | null][];
  markLine?: { data: { xAxis?: number; yAxis?: number }[] };
}[];
const series = (id: Panel["id"], axis?: Parameters<typeof searchDrawing>[2]) =>
  draw(id, axis).option.series as Series;

describe("panels of the search", () => {
  it("leave gaps where a logarithm has no value", () => {
    expect(series("sigma")[0]?.data).toEqual([
      [10, 1],
      [50, null],
      [90, 0.25],
    ]);
  });
  it("share the axis that is chosen, and mark where the search started over", () => {
    expect(series("ratio", "items")[0]?.data.map(([x]) => x)).toEqual([100, 500, 900]);
    expect(series("ratio", "items")[0]?.markLine?.data.map((mark) => mark.xAxis)).toEqual([500]);
  });
  it("compare the path with that of random steps", () => {
    expect(series("path")[0]?.markLine?.data.at(-1)?.yAxis).toBe(1.4);
    expect(draw("path").description).toContain("steps agree");
  });
  it("draw each eigenvalue as a line of its own", () => {
    expect(series("eigenvalues").map((line) => line.data.map(([, value]) => value))).toEqual([
      [1, 4, 8],
      [1, 0.5, 0.02],
    ]);
    expect(draw("eigenvalues").table.columns.slice(-2)).toEqual(["eigenvalue 1", "eigenvalue 2"]);
  });
  it("say what the newest values mean", () => {
    expect(draw("sigma").description).toBe(
      "σ is 0.250, 25 % of 1.000 at the start. The search started over once.",
    );
    expect(draw("bounds").description).toContain(
      "30 % of the latest draws were outside of their range: widen the ranges.",
    );
  });
  it.each(PANELS)("$id has something to say of an empty trace", (one) => {
    const empty = {
      ...trace,
      update: [],
      number: [],
      items: [],
      sigma: [],
      axis_ratio: [],
      path_length: [],
      eigenvalues: [],
      bound_hits: [],
      restarts: [],
    };
    expect(one.finding(empty)).not.toContain("undefined");
  });
});
