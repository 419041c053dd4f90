import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { type Report, readReport } from "./report";
import { interim, inWords, overall, sentence, standing, verdictOf } from "./verdict";

const gain = (difference: number, half: number, p = 0.01) => ({
  difference,
  low: difference - half,
  high: difference + half,
  p_value: p,
});
const at = (mean: number) => ({ mean, low: mean - 0.05, high: mean + 0.05 });

const report: Report = {
  models: [
    {
      label: "expert json",
      role: "expert",
      overall: at(0.01),
      merge_minus_model: gain(0.855, 0.05),
      adjusted_p: 0.001,
    },
    {
      label: "uniform mean",
      role: "baseline",
      overall: at(0.63),
      merge_minus_model: gain(0.235, 0.06),
      adjusted_p: 0.002,
    },
    {
      label: "best merge",
      role: "merge",
      overall: at(0.865),
      merge_minus_model: null,
      adjusted_p: null,
    },
  ],
  n: 200,
  merge: "best merge",
  best_parent: "expert json",
  best_baseline: "uniform mean",
};
const found = verdictOf(report, 412);
if (found === null) throw new Error("the report has a merge");

describe("verdict", () => {
  it("says in one sentence what was gained over the best parent and the best plain merge", () => {
    expect(sentence(found)).toBe(
      "The merge “best merge” scores 0.865 on 200 untouched test items: +0.855 (95 % interval +0.805 to +0.905) " +
        "against the best parent, expert json; +0.235 (95 % interval +0.175 to +0.295) against the best plain merge, " +
        "uniform mean.",
    );
    expect([overall(found), inWords(found)]).toEqual([
      "ahead",
      "Better than the best parent and the best plain merge",
    ]);
  });
  it("claims nothing that is within noise, or not significant once all comparisons are counted", () => {
    const close = verdictOf(
      {
        ...report,
        models: report.models.map((one) => (one.role === "baseline" ? { ...one, adjusted_p: 0.2 } : one)),
      },
      412,
    );
    expect(close && [overall(close), inWords(close)]).toEqual([
      "noise",
      "Not clearly better than the best plain merge",
    ]);
    expect(standing(gain(0.02, 0.05))).toBe("noise");
    expect(standing(gain(-0.2, 0.05))).toBe("behind");
    expect(standing(null)).toBe("noise");
  });
  it("says of a running experiment that it is not settled", () => {
    const best = { number: 9, label: "", fitness: 0.5, mean: 0.5, low: 0.4, high: 0.6, items: 96 };
    const parent = { ...best, number: 1, label: "base", mean: 0.3 };
    const headline = {
      best,
      best_parent: parent,
      difference: 0.2,
      difference_low: 0.1,
      difference_high: 0.3,
    } as Schemas["Headline"];
    const now = interim(headline, null);
    expect(now?.settled).toBe(false);
    expect(now && sentence(now)).toContain(
      "The best candidate, “candidate 9”, scores 0.500 on 96 search items so far",
    );
    // A parent that leads is not compared with itself.
    expect(interim({ ...headline, best: parent }, null)?.opponents).toEqual([]);
    expect(interim({ ...headline, best: null }, null)).toBeNull();
  });
  it("reads only reports that hold something", () => {
    expect([readReport(null), readReport({ models: [] }), readReport({})]).toEqual([null, null, null]);
    expect(readReport(report as unknown as Record<string, unknown>)).toBe(report);
  });
});
