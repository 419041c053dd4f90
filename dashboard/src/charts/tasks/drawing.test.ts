// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { paletteForTests } from "../palette.fixture";
import { tasksDrawing } from "./drawing";
import { type Sides, sidesOf } from "./sides";

type Role = Schemas["RoleView"];
const scored = (mean: number) => ({ mean, low: mean - 0.1, high: mean + 0.1, items: 20 });
const model = (number: number, role: Role["role"], means: Record<string, number>): Role => ({
  number,
  label: `${role} ${number}`,
  role,
  fitness: 0.5,
  splits: Object.fromEntries(
    Object.entries(means).map(([split, mean]) => [split, { ...scored(mean), tasks: { math: scored(mean) } }]),
  ),
});
const models = [
  model(0, "base", { search: 0.1, test: 0.2 }),
  model(1, "expert", { search: 0.5, test: 0.3 }),
  model(2, "expert", { search: 0.4, test: 0.4 }),
  model(3, "baseline", { search: 0.6 }),
  model(9, "merge", { search: 0.8, test: 0.7 }),
];
const paired = (difference: number, low: number, high: number) => ({
  items: 20,
  mean: 0.5 + difference,
  against_mean: 0.5,
  difference,
  low,
  high,
  p: 0.04,
  wins: 5,
  losses: 2,
  ties: 13,
});
const view: Schemas["PairedView"] = {
  number: 9,
  against: 2,
  overall: paired(0.1, 0.05, 0.2),
  tasks: [
    { task: "code", ...paired(-0.2, -0.3, -0.1) },
    { task: "math", ...paired(0.3, 0.1, 0.5) },
    { task: "law", ...paired(0.1, -0.1, 0.3) },
  ],
  reason: null,
};

describe("the two sides", () => {
  it("compares the winner with the best parent on the least flattering items", () => {
    const sides = sidesOf(models, {}) as Sides;
    expect([sides.model.number, sides.against.number, sides.split]).toEqual([9, 2, "test"]);
  });
  it("takes the best parent on the items that are asked for", () => {
    expect((sidesOf(models, { split: "search" }) as Sides).against.number).toBe(1);
  });
  it("goes to items that both have where the asked ones are not shared", () => {
    const sides = sidesOf(models, { against: "3", split: "test" }) as Sides;
    expect([sides.split, sides.splits]).toEqual(["search", ["search"]]);
  });
  it("says why there are none", () => {
    expect(sidesOf(models.slice(0, 3), {})).toBe("No merge of the search has been scored yet.");
    expect(sidesOf(models.slice(3), {})).toBe("No parent has been scored on the same items yet.");
  });
});

describe("the chart of tasks", () => {
  const drawing = tasksDrawing(view, sidesOf(models, {}) as Sides, paletteForTests);
  it("has all tasks first, then gains before losses, with the verdict of each", () => {
    expect(drawing.table.rows.map((row) => [row[0], row.at(-1)])).toEqual([
      ["all tasks", "better"],
      ["math", "better"],
      ["law", "within noise"],
      ["code", "worse"],
    ]);
  });
  it("tells verdicts by shape, not by colour alone", () => {
    const series = drawing.option.series as {
      name?: string;
      data: { symbol: string; symbolRotate: number }[];
    }[];
    const marks = series.find((one) => one.name === "merge 9")?.data ?? [];
    expect(marks.map((mark) => [mark.symbol, mark.symbolRotate])).toEqual([
      ["triangle", 0],
      ["triangle", 0],
      ["circle", 0],
      ["triangle", 180],
    ]);
  });
  it("sums up in a sentence", () => {
    expect(drawing.description).toBe(
      "On 20 test items, merge 9 against expert 2: better on 1, worse on 1 and within noise on 1 of 3 tasks; " +
        "in all +0.100 (95 % interval +0.050 to +0.200).",
    );
  });
});
