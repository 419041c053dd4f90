// @vitest-environment node
import { describe, expect, it } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { type Racing, racingScatter, rungsDrawing } from "./drawing";

const data: Racing = {
  reason: null,
  blocks: 3,
  total: 5,
  shown: 4,
  rungs: [
    { blocks: 1, items: 10, candidates: 4, stopped: 1, kendall_tau: 0.5 },
    { blocks: 2, items: 20, candidates: 3, stopped: 1, kendall_tau: 0.8 },
    { blocks: 3, items: 30, candidates: 2, stopped: 0, kendall_tau: 1 },
  ],
  number: [1, 2, 3, 4],
  first: [0.2, 0.5, 0.6, 0.7],
  full: [0.2, 0.4, 0.7, 0.8],
  blocks_scored: [1, 2, 3, 3],
};

describe("racing", () => {
  it("draws only whom more than the first block says something about", () => {
    const drawing = racingScatter(data, paletteForTests);
    const { series } = drawing.option as {
      series: { name: string; data: { point: { number: number } }[] }[];
    };
    const numbers = (name: string) =>
      series.find((one) => one.name === name)?.data.map((one) => one.point.number);
    expect(numbers("scored on all blocks")).toEqual([3, 4]);
    expect(numbers("stopped on the way")).toEqual([2]);
    expect(drawing.description).toContain("1 of 4 candidates were stopped after their first block");
    expect(drawing.table.rows).toHaveLength(4);
  });
  it("does not call candidates without fitness a sample", () => {
    expect(racingScatter(data, paletteForTests).sampled).toBeUndefined();
    expect(racingScatter({ ...data, total: 5000 }, paletteForTests).sampled?.total).toBe(5000);
  });
  it("leaves the last rung out, where nobody can be stopped", () => {
    const drawing = rungsDrawing(data, paletteForTests);
    const { series } = drawing.option as { series: { data: number[] }[] };
    expect(series[0]?.data).toEqual([0.25, 1 / 3]);
    expect(drawing.description).toBe(
      "2 of 4 candidates were stopped before their last block (50 %). The order after the first block agrees with the final one by τ = 0.500.",
    );
  });
});
