import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { type Action, legal } from "./legal";

type Detail = Schemas["ExperimentDetail"];
const make = (state: Detail["state"], wanted: Detail["wanted"] = "run", more: Partial<Detail> = {}) =>
  ({ state, wanted, spec: {}, progress: { scored: 3 }, ...more }) as Detail;
const none = new Set<string>();

const offered = (experiment: Detail, decisions = none): Action[] =>
  Object.entries(legal(experiment, decisions))
    .filter(([, why]) => why === null)
    .map(([action]) => action as Action);

describe("legal", () => {
  it("offers what each state allows", () => {
    expect(offered(make("created"))).toEqual(["pause", "cancel", "extend", "inject", "export"]);
    expect(offered(make("running"))).toEqual(["pause", "cancel", "extend", "inject", "export"]);
    expect(offered(make("paused", "pause"))).toEqual(["resume", "cancel", "extend", "inject", "export"]);
    expect(offered(make("interrupted", null))).toEqual([
      "pause",
      "resume",
      "cancel",
      "extend",
      "inject",
      "export",
    ]);
    for (const state of ["finished", "failed", "cancelled"] as const)
      expect(offered(make(state))).toEqual(["export"]);
  });
  it("takes a wish back while it has not come true", () => {
    expect(offered(make("running", "pause"))).toContain("resume");
    expect(legal(make("running", "pause"), none).pause).toBe("It is being paused");
    expect(legal(make("paused", "run"), none).resume).toContain("as soon as workers are free");
  });
  it("leaves nothing but the export once it is being cancelled", () => {
    expect(offered(make("running", "cancel"))).toEqual(["export"]);
  });
  it("does not extend or inject once the finalists race", () => {
    const found = legal(make("running"), new Set(["finalists"]));
    expect([found.extend, found.inject]).toEqual(
      Array(2).fill("Its search is over; clone it to go on from here"),
    );
  });
  it("exports merges that have a score, and no black boxes", () => {
    expect(
      legal(make("running", "run", { progress: { scored: 0 } as Detail["progress"] }), none).export,
    ).toBe("No candidate has a score yet");
    expect(legal(make("finished", "run", { spec: { blackbox: {} } }), none).export).toBeUndefined();
  });
});
