// @vitest-environment node
import { describe, expect, it } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { type Similarity, similarityDrawing, spreadDrawing, type Trace } from "./drawing";

const data: Similarity = {
  models: ["a", "b", "c"],
  cosine: [
    [1, 0.2, null],
    [0.2, 1, -0.4],
    [null, -0.4, 1],
  ],
  norms: [1, 2, null],
  by_block: null,
  reason: null,
};

describe("similarityDrawing", () => {
  it("writes every cosine into its cell, a dash where there is none", () => {
    const { option, table } = similarityDrawing(data, paletteForTests);
    const [series] = (
      option as {
        series: {
          data: { value: unknown[] }[];
          label: { formatter: (one: { value: unknown[] }) => string };
        }[];
      }
    ).series;
    const texts = series?.data.map((one) => series.label.formatter(one));
    expect(texts).toEqual(["1.00", "0.20", "–", "0.20", "1.00", "−0.40", "–", "−0.40", "1.00"]);
    expect(table.rows[1]).toEqual(["b", 2, 0.2, 1, -0.4]);
  });
  it("names the closest pair, unknown ones aside", () => {
    expect(similarityDrawing(data, paletteForTests).description).toBe(
      "The closest pair is a and b with a cosine of 0.200.",
    );
  });
});

describe("spreadDrawing", () => {
  it("says from where to where, and marks restarts", () => {
    const trace = {
      update: [1, 2, 3],
      number: [8, 16, 24],
      spread: [null, 2, 0.5],
      restarts: [2],
    } as unknown as Trace;
    const { option, description } = spreadDrawing(trace, paletteForTests);
    expect(description).toContain("from 2.000 to 0.500; 1 restart");
    expect((option as { series: { markLine: { data: unknown } }[] }).series[0]?.markLine.data).toEqual([
      { xAxis: 2 },
    ]);
  });
});
