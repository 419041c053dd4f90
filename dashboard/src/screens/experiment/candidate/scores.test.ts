import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { taskScores } from "./scores";

type Evaluation = Schemas["EvaluationView"];
const block = (split: string, score: number, items: number, stderr: number | null, more = {}) =>
  ({
    split,
    state: "done",
    summary: { words: { items, score, stderr, reference_logprob: null } },
    ...more,
  }) as unknown as Evaluation;

// The expected numbers are those of `evals.statistics.interval` on the same scores in one list.
describe("taskScores", () => {
  it("pools blocks of right and wrong answers into Wilson's interval", () => {
    const found = taskScores([
      block("search", 0.75, 8, 0.16366341767699427),
      block("search", 0.6, 5, 0.24494897427831777),
    ]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ split: "search", task: "words", items: 13 });
    expect(found[0]?.mean).toBeCloseTo(0.6923076923, 9);
    expect(found[0]?.interval?.low).toBeCloseTo(0.42369343, 6);
    expect(found[0]?.interval?.high).toBeCloseTo(0.87319296, 6);
  });
  it("pools graded scores into Student's interval", () => {
    const found = taskScores([
      block("test", 0.5, 4, 0.14719601443879746),
      block("test", 0.36666666666666664, 3, 0.17638342073763938),
    ]);
    expect(found[0]?.interval?.low).toBeCloseTo(0.18205, 3);
    expect(found[0]?.interval?.high).toBeCloseTo(0.70366, 3);
  });
  it("cuts Student's interval of shares where shares end", () => {
    const [found] = taskScores([block("test", 0.95, 4, 0.05)]);
    expect(found?.interval?.low).toBeCloseTo(0.79, 2);
    expect(found?.interval?.high).toBe(1);
  });
  it("gives no interval where older records do not hold the spread", () => {
    expect(taskScores([block("search", 0.5, 4, null)])[0]?.interval).toBeNull();
  });
  it("orders splits as they are used, and leaves out what is not done", () => {
    const found = taskScores([
      block("test", 1, 1, null),
      block("search", 0, 1, null, { state: "lost" }),
      block("selection", 0, 1, null),
    ]);
    expect(found.map((one) => one.split)).toEqual(["selection", "test"]);
  });
});
