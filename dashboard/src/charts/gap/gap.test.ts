// @vitest-environment node
import { describe, expect, it } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { bestHeldOut, type Candidate, type Generalisation, gapsOf, noGaps } from "./gaps";
import { gapHistory } from "./history";
import { gapScatter } from "./scatter";

const scored = (mean: number, half: number) => ({ mean, low: mean - half, high: mean + half, items: 100 });
const candidate = (number: number, more: Partial<Candidate>): Candidate => ({
  number,
  label: "",
  kind: "search",
  search: scored(0.8, 0.03),
  selection: null,
  test: null,
  ...more,
});
const data = (candidates: Candidate[]): Generalisation => ({
  reason: null,
  candidates,
  gap: null,
  test_uses: null,
  incumbents: { number: [1, 3], search: [0.7, 0.8] },
});
const lucky = candidate(3, { selection: scored(0.7, 0.04) });
const honest = candidate(1, { selection: scored(0.77, 0.04), kind: "baseline", label: "base" });

describe("gaps", () => {
  it("add the errors of both splits in squares, and alert beyond them", () => {
    const [first, second] = gapsOf(data([lucky, honest]), "selection");
    expect(first?.margin).toBeCloseTo(0.05);
    expect([first?.alert, second?.alert]).toEqual([true, false]);
  });
  it("leave out who was not scored on both", () => {
    expect(gapsOf(data([candidate(2, {})]), "selection")).toEqual([]);
  });
  it("say why there are none, in the words of the server where it has some", () => {
    expect(noGaps(data([lucky]), "selection")).toBeNull();
    expect(noGaps(data([lucky]), "test")).toContain("test items");
    expect(noGaps({ ...data([lucky]), reason: "A black box." }, "selection")).toBe("A black box.");
  });
  it("prefer the test items once they are used", () => {
    expect(bestHeldOut(data([lucky]))).toBe("selection");
    expect(bestHeldOut(data([lucky, candidate(4, { test: scored(0.7, 0.1) })]))).toBe("test");
  });
});

interface Series {
  name: string;
  data: { value: number[]; symbolSize?: number }[];
}
const seriesOf = (option: object, name: string): Series =>
  (option as { series: Series[] }).series.find((one) => one.name === name) as Series;

describe("drawings", () => {
  it("marks the winner and leads a path through those that were the best, in order", () => {
    const drawing = gapScatter(data([lucky, honest]), paletteForTests, "selection", 3);
    const found = seriesOf(drawing.option, "searched").data;
    expect(found.map((one) => [...one.value, one.symbolSize])).toEqual([[0.8, 0.7, 16]]);
    expect(seriesOf(drawing.option, "best so far, in order").data).toEqual([
      [0.8, 0.77],
      [0.8, 0.7],
    ]);
    expect(drawing.description).toContain("1 of 2 candidates");
    expect(drawing.table.rows).toHaveLength(2);
  });
  it("keeps axes of shares between 0 and 1, and both the same", () => {
    const top = candidate(1, { search: scored(0.98, 0.02), selection: scored(0.05, 0.05) });
    const { xAxis, yAxis } = gapScatter(data([top]), paletteForTests, "selection", null).option as Record<
      string,
      { min: number; max: number }
    >;
    expect([xAxis?.min, xAxis?.max, yAxis?.min, yAxis?.max]).toEqual([0, 1, 0, 1]);
  });
  it("shows alerts with another shape, and a tick for each new best", () => {
    const { option } = gapHistory(data([lucky, honest]), paletteForTests, "selection");
    expect(seriesOf(option, "above noise").data).toHaveLength(1);
    expect(seriesOf(option, "within noise").data).toHaveLength(1);
    expect(seriesOf(option, "new best on the search items").data).toHaveLength(2);
  });
});
