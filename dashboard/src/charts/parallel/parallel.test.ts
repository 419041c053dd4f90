// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import { genesOf } from "../coefficients/views";
import { paletteForTests } from "../palette.fixture";
import { brushText, isInside, parseBrush } from "./brush";
import { parallelDrawing } from "./drawing";
import { mostImportant, rankCorrelation, ranks } from "./importance";

const rows = Array.from({ length: 6 }, (_, i) => ({
  number: i,
  kind: "search" as const,
  fitness: i === 5 ? null : i / 10,
  values: [i ** 3, [3, 1, 4, 1, 5, 9][i] as number, 7],
}));
const data = { genes: genesOf(["a", "b", "c"], []), rows, total: 6 };

describe("importance", () => {
  it("gives equal values the mean of their ranks", () => {
    expect(ranks([3, 1, 1, 2])).toEqual([3, 0.5, 0.5, 2]);
  });
  it("sees order, not shape, and nothing in a constant", () => {
    expect(rankCorrelation([1, 2, 3], [1, 10, 1000])).toBeCloseTo(1);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1);
    expect(rankCorrelation([1, 2, 3], [5, 5, 5])).toBe(0);
  });
  it("puts what goes with fitness first, of scored candidates only", () => {
    const found = mostImportant(rows, 3, 2);
    expect(found.map(({ gene }) => gene)).toEqual([0, 1]);
    expect(found[0]?.correlation).toBeCloseTo(1);
  });
});

describe("chosen ranges", () => {
  it("survive the address, and what is not one is left out", () => {
    const text = "3:-0.5:1.25,fitness:0.4:0.6";
    expect(brushText(parseBrush(text))).toBe(text);
    expect(parseBrush("x:1:2,-1:0:1,3::1,4:1:NaN,,1.5:0:1")).toEqual([]);
    expect([parseBrush(undefined), brushText([])]).toEqual([[], undefined]);
  });
  it("are alternatives on one axis and conditions across axes", () => {
    const ranges = parseBrush("0:0:1,0:27:27,fitness:0.1:1");
    expect(rows.filter((row) => isInside(row, ranges)).map((row) => row.number)).toEqual([1, 3]);
  });
});

describe("parallel coordinates", () => {
  it("has fitness last and the best on top, and selects what the address says", () => {
    const drawing = parallelDrawing(data, "0:0:8", paletteForTests, vi.fn());
    expect((drawing.option.parallelAxis as { id: string }[]).map((axis) => axis.id)).toEqual([
      "axis-0",
      "axis-1",
      "axis-2",
      "axis-fitness",
    ]);
    expect(drawing.actions?.[0]).toMatchObject({ parallelAxisId: "axis-0", intervals: [[0, 8]] });
    expect(drawing.table.rows.map((row) => row[0])).toEqual([2, 1, 0]);
    expect(drawing.description).toContain(
      "3 of 5 candidates are in the chosen ranges, with a mean fitness of 0.100.",
    );
  });
  it("keeps the ranges of other axes when one is dragged, and none after a click beside them", () => {
    const setBrush = vi.fn();
    const dragged = parallelDrawing(data, "0:0:8,1:1:2", paletteForTests, setBrush).on
      ?.axisareaselected as unknown as (event: object) => void;
    dragged({ parallelAxisId: "axis-fitness", intervals: [[0.4, 0.2]] });
    dragged({ parallelAxisId: "axis-0", intervals: [] });
    expect(setBrush.mock.calls).toEqual([["0:0:8,1:1:2,fitness:0.2:0.4"], ["1:1:2"]]);
  });
});
