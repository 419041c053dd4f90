// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import type { Schemas } from "@/api/client";
import { paletteForTests } from "../palette.fixture";
import { inkOn, onScale } from "../scales";
import { coefficientsDrawing } from "./drawing";
import { gridOf, parseGene } from "./genes";
import { histogramOf, historyDrawing } from "./history";
import { rowsOf } from "./rows";
import { type CoefficientData, genesOf, type Shown, shownIn } from "./views";

const parts = (label: string, models = ["math", "code"]) => {
  const { parameter, owner, depth, module } = parseGene(label, 0, models);
  return [parameter, owner, depth, module];
};

describe("names of coordinates", () => {
  it.each([
    ["weight math block 3 attention", ["weight", "math", "block 3", "attention"]],
    ["weight math blocks 6-11", ["weight", "math", "blocks 6-11", ""]],
    ["weight math all blocks mlp", ["weight", "math", "whole model", "mlp"]],
    ["density code", ["density", "code", "whole model", ""]],
    ["weight (shared) block 3", ["weight", "all models", "block 3", ""]],
    ["weight math,code:law at block 7.5 other", ["weight", "math, code : law", "at block 7.5", "other"]],
    [
      "weight math block 3 attention (layer+module)",
      ["weight", "math", "block 3 (layer+module)", "attention"],
    ],
    ["lambda chunk 4", ["lambda", "", "chunk 4", ""]],
    ["method ties", ["method", "", "ties", ""]],
    ["x", ["x", "", "whole model", ""]],
  ])("takes %s apart", (label, expected) => {
    expect(parts(label, ["math", "code", "law"])).toEqual(expected);
  });
  it("does not take the place for a model that is not there", () => {
    expect(parts("t block 3")).toEqual(["t", "", "block 3", ""]);
  });
});

describe("the grid", () => {
  it("orders rows by depth whatever comes first, and names the parameter only where there are several", () => {
    const one = gridOf(
      genesOf(["weight math block 10", "weight math block 2", "weight code block 2"], ["math", "code"]),
    );
    expect([one.rows, one.columns]).toEqual([
      ["block 2", "block 10"],
      ["math", "code"],
    ]);
    const two = gridOf(genesOf(["weight math", "density math"], ["math"]));
    expect(two.columns).toEqual(["weight\nmath", "density\nmath"]);
  });
});

const matrix = (rows: [number, number | null, number[]][], kind: Schemas["CandidateKind"] = "search") =>
  ({
    genes: [],
    number: rows.map((row) => row[0]),
    kind: rows.map(() => kind),
    fitness: rows.map((row) => row[1]),
    values: rows.map((row) => row[2]),
  }) satisfies Schemas["Coefficients"];

const candidate = (vector: number[] | null, recipe: object = {}) =>
  ({ number: 7, vector, recipe }) as unknown as Schemas["CandidateDetail"];

const data = (changes: Partial<CoefficientData> = {}): CoefficientData => ({
  genes: genesOf(["weight math block 0", "weight math block 1"], ["math"]),
  latest: matrix([
    [8, 0.1, [2, 4]],
    [7, 0.9, [0, 0]],
  ]),
  candidate: candidate([1, -2]),
  trace: null,
  slots: ["block 0", "block 1"],
  winner: null,
  ...changes,
});

describe("what is shown", () => {
  it("is a candidate in steps, and whether it won", () => {
    expect((shownIn("best", data()) as Shown).values).toEqual([1, -2]);
    expect((shownIn("best", data({ winner: 3 })) as Shown).what).toContain("the fittest that was searched");
    expect((shownIn("best", data({ winner: 7 })) as Shown).what).toContain("the winner");
  });
  it("is the mean of the latest, or the center where the search gave it", () => {
    expect((shownIn("mean", data()) as Shown).values).toEqual([1, 2]);
    const latest = matrix([[9, null, [5, 6]]], "mean");
    const withSearch = {
      ...latest,
      ...matrix([
        [9, null, [5, 6]],
        [8, 0.1, [0, 0]],
      ]),
      kind: ["mean", "search"] as const,
    };
    expect(
      (shownIn("mean", data({ latest: { ...withSearch, kind: [...withSearch.kind] } })) as Shown).values,
    ).toEqual([5, 6]);
  });
  it("is the traced spread where there is one", () => {
    expect((shownIn("spread", data()) as Shown).values).toEqual([Math.SQRT2, Math.sqrt(8)]);
    const trace = {
      deviations: [
        [9, 9],
        [0.25, 0.5],
      ],
    } as unknown as Schemas["Trace"];
    expect((shownIn("spread", data({ trace })) as Shown).values).toEqual([0.25, 0.5]);
  });
  it("is the recipe in real units, with the names of its slots", () => {
    const recipe = { coefficients: { weight: { math: [0.4, 0.6] }, gamma: [1] } };
    const shown = shownIn("real", data({ candidate: candidate([0, 0], recipe) })) as Shown;
    expect([shown.rows, shown.columns, shown.values]).toEqual([["block 0", "block 1"], ["math"], [0.4, 0.6]]);
  });
  it("is what a black box was given", () => {
    const genes = genesOf(["x", "y"], []);
    const shown = shownIn(
      "real",
      data({ genes, candidate: candidate([0, 0], { blackbox: { x: 0.25, y: 4 } }) }),
    );
    expect(shown).toMatchObject({ columns: ["x", "y"], rows: ["whole model"], values: [0.25, 4] });
  });
  it("says why there is nothing", () => {
    expect(shownIn("best", data({ candidate: null }))).toBe("No searched candidate has a score yet.");
    expect(shownIn("mean", data({ latest: matrix([[1, 0.5, [1]]]) }))).toBe(
      "The search has not drawn enough candidates yet.",
    );
  });
});

describe("the map", () => {
  const select = vi.fn();
  const drawing = coefficientsDrawing(shownIn("best", data()) as Shown, 1, paletteForTests, select);
  it("centres its scale at the start", () => {
    expect(drawing.option.visualMap).toMatchObject({ min: -2, max: 2 });
  });
  it("names the largest moves and selects the coordinate that is clicked", () => {
    expect(drawing.description).toContain(
      "weight math block 0 (1.000) moved up most; weight math block 1 (−2.000) moved down most.",
    );
    const click = drawing.on?.click as unknown as (event: object) => void;
    click({ dataIndex: 1 });
    expect(select.mock.calls).toEqual([[1]]);
  });
  it("writes numbers so that they can be read on every colour", () => {
    expect([onScale(["#000000", "#ffffff"], 0.5), inkOn("#ffffff"), inkOn("#123c8f")]).toEqual([
      "#808080",
      "#11151d",
      "#ffffff",
    ]);
  });
});

describe("the history", () => {
  const rows = rowsOf(
    1,
    matrix(Array.from({ length: 20 }, (_, i) => [i, i / 20, [i < 10 ? -1 : 1]])),
    matrix([
      [0, 0, [-1]],
      [30, 0.1, [1, 2]],
    ]),
  );
  it("takes each candidate once, and none from another space", () => {
    expect(rows.map((row) => row.number)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });
  it("shares out each stretch's candidates, the largest value included", () => {
    const found = histogramOf(rows, 0);
    expect(found.starts).toEqual([0, 7, 13, 20]);
    expect(found.counts).toEqual([7, 6, 7]);
    expect(found.shares.map((bins) => [bins[0], bins.at(-1)])).toEqual([
      [1, 0],
      [0.5, 0.5],
      [0, 1],
    ]);
  });
  it("says how many of all candidates it is drawn of", () => {
    expect(historyDrawing(rows, 0, "x", 500, paletteForTests).sampled).toMatchObject({
      shown: 20,
      total: 500,
    });
  });
});
