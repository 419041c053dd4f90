import { describe, expect, it } from "vitest";
import { bytes, compact, count, difference, duration, percent, phrase, plain, score, tick } from "./numbers";

describe("numbers", () => {
  it("shows scores with three decimals and a real minus sign", () => {
    expect([score(0.86449), score(-0.5), score(null), score(Number.NaN)]).toEqual([
      "0.864",
      "−0.500",
      "–",
      "–",
    ]);
  });
  it("shows the sign of differences, but not that of what rounds to nothing", () => {
    expect([0.235, -0.1, 0, 0.0001, -0.0001].map(difference)).toEqual([
      "+0.235",
      "−0.100",
      "0.000",
      "0.000",
      "0.000",
    ]);
  });
  it("shows numbers on axes as short as they are", () => {
    expect([-0.5, 2, 0.25, 12_500, 0.1 + 0.2].map(tick)).toEqual(["−0.5", "2", "0.25", "12\u202f500", "0.3"]);
  });
  it("groups digits and shortens large counts", () => {
    expect([count(50000), compact(48310), compact(999)]).toEqual(["50\u202f000", "48.3k", "999"]);
  });
  it("names two units of a duration", () => {
    expect([0.85, 12.34, 59.96, 245, 12_000, 187_200, 3600].map(duration)).toEqual([
      "850 ms",
      "12.3 s",
      "1 min",
      "4 min 5 s",
      "3 h 20 min",
      "2 d 4 h",
      "1 h",
    ]);
  });
  it("leaves a number that somebody wrote as it is, but for its minus sign", () => {
    expect([-0.5, 1.8, 1e-5].map(plain)).toEqual(["\u22120.5", "1.8", "0.00001"]);
  });
  it("gives the numbers of a text real minus signs, and leaves names as they are", () => {
    expect(phrase("weight -0.431 (-1 to .5), group:-2 of smollm2-135m at 1e-5")).toBe(
      "weight \u22120.431 (\u22121 to .5), group:\u22122 of smollm2-135m at 1e-5",
    );
  });
  it("shows bytes in binary units and shares in percent", () => {
    expect([bytes(0), bytes(1536), bytes(269_000_000), percent(0.873), percent(0.034)]).toEqual([
      "0 B",
      "1.5 KiB",
      "257 MiB",
      "87 %",
      "3.4 %",
    ]);
  });
});
