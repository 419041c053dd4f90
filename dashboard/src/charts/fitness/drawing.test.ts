// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import type { Schemas } from "@/api/client";
import { paletteForTests } from "../palette.fixture";
import { fitnessDrawing } from "./drawing";
import { placesOn } from "./places";
import { references } from "./references";

const series: Schemas["Series"] = {
  width: 10,
  total: 25,
  number: [0, 10, 20],
  at: ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"],
  scored: [0, 9, 5],
  infeasible: [0, 1, 0],
  low: [null, 0.1, 0.3],
  mean: [null, 0.3, 0.5],
  high: [null, 0.5, 0.7],
  best: [null, 0.5, 0.7],
  q10: [null, 0.2, 0.4],
  median: [null, 0.3, 0.5],
  q90: [null, 0.4, 0.6],
  items: [0, 900, 1400],
  seconds: [10, 3600, 10_800],
  worker_seconds: [0, 7200, 14_400],
  every: 1,
};
const model = (role: Schemas["RoleView"]["role"], label: string, fitness: number | null, number = 0) =>
  ({
    number,
    label,
    role,
    fitness,
    splits: { search: { mean: 0.6, low: 0.5, high: 0.75, items: 90, tasks: {} } },
  }) satisfies Schemas["RoleView"];
const points: Schemas["Points"] = {
  reason: null,
  total: 25,
  shown: 3,
  number: [1, 14, 15],
  kind: ["baseline", "search", "search"],
  fitness: [0.2, 0.45, null],
  items: [90, 90, 0],
};
const draw = (axis: Parameters<typeof fitnessDrawing>[1] = "candidates", open = vi.fn()) =>
  fitnessDrawing(
    {
      series,
      wide: series,
      points,
      models: [model("expert", "math", 0.4), model("expert", "code", null), model("merge", "", 0.7, 21)],
    },
    axis,
    paletteForTests,
    open,
  );
const named = (name: string) =>
  (draw().option.series as { name: string; data: unknown }[]).find((one) => one.name === name)?.data;

describe("places", () => {
  it("puts buckets where they end and candidates within them", () => {
    const places = placesOn(series, "items");
    expect([places.ends, places.of(9), places.of(14), places.of(24)]).toEqual([[0, 900, 1400], 0, 450, 1400]);
  });
  it("ends the last bucket of candidates at the last candidate", () => {
    expect(placesOn(series, "candidates").ends).toEqual([10, 20, 25]);
  });
  it("shows times in a unit that fits, and keeps a given one", () => {
    const places = placesOn(series, "time");
    expect([places.name, places.ends.at(-1)]).toEqual(["hours since the start", 3]);
    expect(placesOn(series, "work", places.unit).ends).toEqual([0, 2, 4]);
  });
});

describe("the fitness chart", () => {
  it("draws what is known of every line", () => {
    expect(named("best so far")).toEqual([
      [20, 0.5],
      [25, 0.7],
    ]);
    expect(named("10 to 90 %")).toEqual([
      [20, 0.2, 0.4],
      [25, 0.4, 0.6],
    ]);
    expect(named("math")).toEqual([
      [0, 0.4],
      [25, 0.4],
    ]);
  });
  it("leaves out points without a score and those that are lines already", () => {
    expect(named("candidates")).toEqual([[15, 0.45, 14]]);
  });
  it("moves the interval of the score to the fitness", () => {
    expect(draw().description).toContain("candidate 21 has 0.700 (95 % interval 0.600 to 0.850)");
  });
  it("names the best parent, and holds everything as a table", () => {
    expect(draw().description).toContain("the best parent is math with 0.400");
    expect(draw().table.rows.map((row) => row[0])).toEqual([
      "math",
      "code",
      "merge",
      "bucket",
      "bucket",
      "bucket",
    ]);
  });
  it("leaves off the axis what lies far below the candidates, and says so", () => {
    const far = fitnessDrawing(
      { series, wide: null, points: null, models: [model("base", "base", -3), model("expert", "math", 0.4)] },
      "candidates",
      paletteForTests,
      vi.fn(),
    );
    const { yAxis, series: drawn } = far.option as { yAxis: { min?: number }; series: { name: string }[] };
    expect(yAxis.min).toBe(0.1);
    expect(drawn.map((one) => one.name)).toEqual(expect.arrayContaining(["math"]));
    expect(drawn.map((one) => one.name)).not.toContain("base");
    expect(far.description).toContain("The axis begins at 0.1; below it is base.");
    expect((draw().option as { yAxis: { min?: number } }).yAxis.min).toBeUndefined();
  });
  it("opens the candidate that is clicked, and nothing else", () => {
    const open = vi.fn();
    const click = draw("candidates", open).on?.click as unknown as (event: object) => void;
    click({ seriesName: "median", data: [1, 2, 3] });
    click({ seriesName: "candidates", data: [15, 0.45, 14] });
    expect(open.mock.calls).toEqual([[14]]);
  });
  it("keeps the best few references of each kind", () => {
    const many = [0.1, 0.5, 0.3, 0.2, 0.4].map((fitness, i) => model("expert", `m${i}`, fitness));
    expect(references([...many, model("base", "base", 0)]).map((one) => one.label)).toEqual([
      "base",
      "m1",
      "m4",
      "m2",
    ]);
  });
});
