// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { standingOf } from "./lead";

const SCORE = { number: 0, label: "base", fitness: 0.1, mean: 0.102, low: 0.05, high: 0.2, items: 96 };
const headline = (low: number | null, high: number | null): Schemas["Headline"] => ({
  best: { ...SCORE, number: 7, label: "", mean: 0.828 },
  best_parent: SCORE,
  difference: low === null || high === null ? null : (low + high) / 2,
  difference_low: low,
  difference_high: high,
  budget: null,
  eta_s: null,
  last_event_at: null,
  sparkline: [],
});

describe("the best against its best parent", () => {
  it("leads only where the interval of the difference leaves out zero", () => {
    const leads = [headline(0.1, 0.3), headline(-0.1, 0.3), headline(0, 0.3), headline(-0.3, -0.1)];
    expect(leads.map((one) => standingOf(one)?.lead)).toEqual(["ahead", "even", "even", "behind"]);
  });
  it("is said in numbers and words", () => {
    expect(standingOf(headline(0.1, 0.3))).toEqual({
      lead: "ahead",
      sign: "▲",
      words: "better than the best parent",
      difference: "+0.200",
      interval: "+0.100 to +0.300",
      scores: "0.828 against 0.102 (base)",
    });
  });
  it("is not said before both are scored", () => {
    expect(standingOf(headline(null, null))).toBeNull();
    expect(standingOf({ ...headline(0.1, 0.3), best_parent: null })).toBeNull();
    expect(standingOf(null)).toBeNull();
  });
});
