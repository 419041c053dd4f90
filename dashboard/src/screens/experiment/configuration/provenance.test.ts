import { describe, expect, it } from "vitest";
import { models, seeds, tasks, versions } from "./provenance";

const experiment = {
  spec: { search: { seed: 1, algorithm: "auto" }, workers: { dtype: "bfloat16" } },
  resolved: {
    versions: { python: "3.11.7" },
    models: { base: { path: "/m/base", revision: null }, json: { path: "/m/json", revision: "a1" } },
    inputs: { models: { base: ["7ef9", "11aa"] }, items: { test: "c856" }, space: "24cc", option_files: {} },
    tasks: {
      words: {
        metric: "exact_match",
        teacher_forced: true,
        generation_kwargs: { until: ["x"] },
        items: { search: 96 },
        items_hash: { search: "1ee9" },
      },
    },
    genes: ["a", "b"],
  },
};

describe("provenance", () => {
  it("lists models with the digests of their files", () => {
    expect(models(experiment)).toEqual([
      { name: "base", path: "/m/base", revision: "–", digests: ["7ef9", "11aa"] },
      { name: "json", path: "/m/json", revision: "a1", digests: [] },
    ]);
  });
  it("reads tasks as they were run, without what is not recorded", () => {
    expect(tasks(experiment)[0]).toEqual({
      name: "words",
      facts: [
        ["Metric", "exact_match"],
        ["Search by likelihood of the answer", "yes"],
        ["Generation", '{"until":["x"]}'],
      ],
      splits: [{ split: "search", items: "96", hash: "1ee9" }],
    });
  });
  it("has seeds and digests, and nothing of older records that lack them", () => {
    expect(seeds(experiment)).toContainEqual(["Hash of the test items", "c856"]);
    expect(seeds(experiment)).toContainEqual(["Searched coefficients", "2"]);
    const empty = { spec: {}, resolved: {} };
    expect([seeds(empty), models(empty), tasks(empty), versions(empty)]).toEqual([[], [], [], []]);
  });
});
