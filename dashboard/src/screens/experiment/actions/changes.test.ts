import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { changes } from "./changes";

const seen = {
  revision: 3,
  state: "running",
  wanted: "run",
  priority: 0,
  budget: { evaluations: 60, generated_tokens: 5 },
} as unknown as Schemas["ExperimentDetail"];

describe("changes", () => {
  it("is silent while only counts move", () => {
    expect(changes(seen, { ...seen, seconds_spent: 9 })).toEqual([]);
  });
  it("names what another person did", () => {
    const budget = { evaluations: 90, generated_tokens: 5 };
    expect(changes(seen, { ...seen, revision: 5, state: "paused", wanted: "pause", budget })).toEqual([
      "it is paused now, not running",
      "somebody asked it to pause",
      "its budget of evaluations went from 60 to 90",
    ]);
  });
  it("never stays silent about a new revision", () => {
    expect(changes(seen, { ...seen, revision: 4 })).toEqual(["it went from revision 3 to 4"]);
  });
});
