// @vitest-environment node
import { describe, expect, it } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { type Cost, costPhases, shares } from "./phases";
import { costValue } from "./value";

const data: Cost = {
  reason: null,
  number: [0, 4, 8],
  worker_seconds: { score: [8, 16, 4], apply: [4, 4, 4] },
  cumulative_worker_seconds: [12, 32, 40],
  best: [null, 0.5, 0.75],
  prompt_tokens: [1, 2, 3],
  generated_tokens: [1, 2, 3],
  evaluations: [4, 4, 2],
  projected_worker_seconds: 100,
  cache_share: 0.25,
  every: 1,
};

describe("costs", () => {
  it("are those of one candidate, whatever the buckets hold", () => {
    const { series } = costPhases(data, paletteForTests).option as {
      series: { name: string; data: number[] }[];
    };
    expect(series.map((one) => [one.name, one.data])).toEqual([
      ["merging", [1, 1, 1]],
      ["scoring", [2, 4, 1]],
    ]);
  });
  it("have shares that sum to one, the largest first", () => {
    expect(shares(data).map((one) => [one.phase, one.share])).toEqual([
      ["score", 0.7],
      ["apply", 0.3],
    ]);
  });
  it("are set against fitness, with the end of the budget in view", () => {
    const drawing = costValue(data, paletteForTests);
    const { series, xAxis } = drawing.option as {
      series: { data: unknown; markLine?: { data: unknown } }[];
      xAxis: { max: number };
    };
    expect(series[0]?.data).toEqual([
      [12, null],
      [32, 0.5],
      [40, 0.75],
    ]);
    expect(series[0]?.markLine?.data).toEqual([{ xAxis: 100 }]);
    expect(xAxis.max).toBeGreaterThan(100);
    expect(drawing.description).toBe(
      "The best fitness is 0.750 after 40.0 s of worker time; the budget ends at about 1 min 40 s.",
    );
  });
  it("name no end that cannot be foreseen", () => {
    const { option } = costValue({ ...data, projected_worker_seconds: null }, paletteForTests);
    expect((option as { series: { markLine?: unknown }[] }).series[0]?.markLine).toBeUndefined();
  });
});
