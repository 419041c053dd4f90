// @vitest-environment node
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Schemas } from "@/api/client";
import { mergeSection } from "./snippet";
import { holds, paperLink } from "./words";

const parameter = (name: string, more: object) => ({
  name,
  low: 1e-5,
  high: 1.5,
  granular: true,
  searched: true,
  ...more,
});
const method = (more: object) =>
  ({ name: "ties", parameters: [], options: [], ...more }) as unknown as Schemas["MethodView"];

describe("mergeSection", () => {
  it("has searched parameters with their ranges and the files that it needs", () => {
    const parameters = [parameter("weight", {}), parameter("lines_alpha", { searched: false })];
    const options = [
      { name: "calibration", path: true },
      { name: "compat", path: false },
    ];
    expect(parse(mergeSection(method({ parameters, options })))).toEqual({
      merge: {
        method: "ties",
        granularity: "group:6",
        parameters: { weight: { range: [1e-5, 1.5] } },
        options: { calibration: "calibration.jsonl" },
      },
    });
  });
  it("varies nothing over layers that cannot", () => {
    const parameters = [parameter("lambda", { granular: false })];
    expect(parse(mergeSection(method({ parameters }))).merge.granularity).toBe("global");
    expect(parse(mergeSection(method({})))).toEqual({ merge: { method: "ties", granularity: "global" } });
  });
});

describe("words", () => {
  it("finds every word of a question, in any order and case", () => {
    expect(holds("SIGN ties", "ties", "elects a sign")).toBe(true);
    expect(holds("sign dare", "ties", "elects a sign")).toBe(false);
  });
  it("links papers of arXiv only", () => {
    expect([paperLink("2306.01708"), paperLink("none")]).toEqual(["https://arxiv.org/abs/2306.01708", null]);
  });
});
