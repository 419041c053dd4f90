// @vitest-environment node
import { describe, expect, it } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { type Axis, type Comparison, compareDrawing, namesOf } from "./drawing";

const compared = (id: string, name: string, best: (number | null)[]) =>
  ({
    experiment: { id, name },
    series: { width: 10, total: 25, number: [0, 10, 20], best, items: [40, 80, 90], seconds: [60, 240, 600] },
  }) as unknown as Comparison["experiments"][number];
const data: Comparison = {
  warnings: [],
  experiments: [
    compared("abcdefgh1", "one", [null, 0.5, 0.6]),
    compared("zyxwvuts1", "one", [null, null, null]),
  ],
};
const lineOn = (axis: Axis) =>
  (compareDrawing(data, paletteForTests, axis).option as { series: { data: unknown }[] }).series[0]?.data;

describe("compareDrawing", () => {
  it("ends buckets on the axis that was chosen, the last at the end", () => {
    expect(lineOn("candidates")).toEqual([
      [20, 0.5],
      [25, 0.6],
    ]);
    expect(lineOn("items")).toEqual([
      [80, 0.5],
      [90, 0.6],
    ]);
    expect(lineOn("time")).toEqual([
      [4, 0.5],
      [10, 0.6],
    ]);
  });
  it("says nothing of who has no score yet", () => {
    expect(compareDrawing(data, paletteForTests, "items").description).toBe(
      "one (abcdefgh) reached 0.600 after 25 candidates.",
    );
  });
  it("tells those of the same name apart", () => {
    expect(
      namesOf([
        { id: "1", name: "a" },
        { id: "2", name: "b" },
      ]),
    ).toEqual(["a", "b"]);
  });
});
