import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { cancelling, pausing, used } from "./consequences";

const experiment = {
  state: "running",
  spec: {},
  resolved: { tasks: { a: { items: { search: 60 } }, b: { items: { search: 36 } } } },
  budget: { evaluations: 900, hours: 2 },
  seconds_spent: 3600,
  progress: { running: 2, scored: 570, done: 1_640, search_items: 39_552, generated_tokens: 0 },
} as unknown as Schemas["ExperimentDetail"];

describe("consequences", () => {
  it("says how much of each limit is used, the nearest first", () => {
    expect(used(experiment)).toBe("Used so far: 1 of 2 hours; 412 of 900 evaluations.");
  });
  it("leaves out a limit whose use cannot be told", () => {
    expect(used({ ...experiment, resolved: {} })).toBe("Used so far: 1 of 2 hours.");
  });
  it("counts what still runs", () => {
    expect(pausing(experiment)[0]).toBe(
      "2 running evaluations finish first. Then its workers are free for others.",
    );
    const one = { ...experiment, progress: { ...experiment.progress, running: 1 } };
    expect(pausing(one)[0]).toContain("1 running evaluation finishes first.");
    expect(pausing({ ...experiment, state: "created" })[0]).toContain("Nothing of it runs");
  });
  it("says what a cancelled experiment keeps", () => {
    expect(cancelling(experiment)[2]).toContain(
      "570 scored candidates and 1\u202f640 evaluations from 1 h of work",
    );
  });
});
