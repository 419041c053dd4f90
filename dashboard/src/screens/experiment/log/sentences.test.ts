import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { candidateOf, KINDS, sentenceOf } from "./sentences";

const read = (kind: Schemas["EventKind"], payload: Record<string, unknown>) => sentenceOf({ kind, payload });

describe("sentenceOf", () => {
  it("says who did what, and what it changed", () => {
    expect(read("control", { action: "pause", by: "ada", reason: null })).toBe("ada asked it to pause");
    expect(
      read("control", {
        action: "extend",
        by: "",
        from: { evaluations: 60, hours: 2 },
        to: { evaluations: 12_000, hours: 2 },
      }),
    ).toBe("somebody on the command line raised the budget: evaluations from 60 to 12\u202f000");
    expect(read("control", { action: "inject", by: "ada", label: "<b>mine</b>" })).toBe(
      "ada proposed a merge, “<b>mine</b>”",
    );
  });
  it("counts blocks from one, and leaves out that all items were scored at once", () => {
    const payload = { number: 7, split: "search", block: 0, fitness: 0.5 };
    expect(read("tell", payload)).toBe("Candidate 7 scored 0.500 on the search items, block 1");
    expect(read("measure", { ...payload, split: "test", block: -1, fitness: null })).toBe(
      "Candidate 7 was scored on the test items",
    );
  });
  it("names attempts only where there were several", () => {
    const payload = { number: 7, split: "search", block: -1, worker: "w1", attempt: 1 };
    expect(read("start", payload)).toBe("w1 began candidate 7 on the search items");
    expect(read("start", { ...payload, attempt: 3 })).toContain("(attempt 3)");
  });
  it("tells the first start from a resume, and gives reasons of failures", () => {
    expect(read("state", { from: "created", to: "running", driver: "host:1" })).toBe(
      "It began to run, driven by host:1",
    );
    expect(read("state", { from: "paused", to: "running", driver: null })).toBe("It went on");
    expect(read("state", { from: "running", to: "failed", error: "no space" })).toBe(
      "It is failed: no space",
    );
  });
  it("reads decisions that it knows, and names others", () => {
    expect(read("decision", { decision: "race_2", data: { dropped: { 4: 0.01, 9: 0.02 } } })).toBe(
      "Out of the race, clearly behind: 4, 9",
    );
    const screened = { chosen: [0, 1, 7], values: [0.1, 0.2, 0.3, null, 0, 0, 0, 0.4], lots: 2 };
    expect(read("decision", { decision: "screening_4", data: screened })).toBe(
      "3 of 8 points were chosen, 2 of them by lot",
    );
    expect(read("decision", { decision: "screening_off", data: { tau: [0.31, -0.123, 0.6] } })).toBe(
      "Screening is off: its scores do not rank candidates as exact ones do, Kendall’s rank correlation is 0.31 (-0.12 to 0.60)",
    );
    expect(read("decision", { decision: "something_new", data: {} })).toBe("Decided: something new");
  });
  it("has a sentence for every kind, whatever is missing", () => {
    for (const [kind] of KINDS) expect(read(kind, {})).not.toMatch(/undefined|NaN|null/);
  });
  it("knows the candidate", () => {
    expect([candidateOf({ payload: { number: 0 } }), candidateOf({ payload: {} })]).toEqual([0, null]);
  });
});
