import { describe, expect, it } from "vitest";
import { type Detail, incomparable, leaves, specDifferences } from "./differences";

const spec = (search: object, more: object = {}) => ({
  name: "one",
  tasks: [{ name: "words", metric: "exact_match", weight: 1 }],
  search: { algorithm: "auto", reference_weight: 0, ...search },
  ...more,
});
const detail = (changes: { spec?: object; resolved?: object }): Detail =>
  ({
    spec: spec({}),
    resolved: { inputs: { items: { search: "a", test: "b" }, models: {} } },
    ...changes,
  }) as unknown as Detail;

describe("leaves", () => {
  it("names every value by its path, empty containers too", () => {
    expect(leaves({ a: { b: 1, c: [] }, d: [2] })).toEqual([
      ["a.b", 1],
      ["a.c", []],
      ["d.0", 2],
    ]);
  });
});

describe("specDifferences", () => {
  it("holds only keys that differ, and says where one is missing", () => {
    const found = specDifferences([spec({ seed: 1 }), { ...spec({ seed: 2, sigma: 0.2 }), name: "two" }]);
    expect(found).toEqual([
      { path: "search.seed", values: [1, 2] },
      { path: "search.sigma", values: [undefined, 0.2] },
    ]);
  });
  it("tells a missing key from null", () => {
    expect(specDifferences([{ a: null, b: 1 }, { b: 1 }])).toEqual([
      { path: "a", values: [null, undefined] },
    ]);
  });
});

describe("incomparable", () => {
  it("is empty for the same tasks, items and models", () => {
    expect(incomparable([detail({}), detail({ spec: spec({ seed: 2 }) })])).toEqual([]);
  });
  it("names other test items", () => {
    const other = detail({
      resolved: { inputs: { items: { search: "a", test: "c" }, models: {} } },
    });
    expect(incomparable([detail({}), other])).toEqual([
      "They were tested on different items: their test scores cannot be told apart by them.",
    ]);
  });
  it("names another scale of the fitness", () => {
    const [found] = incomparable([detail({}), detail({ spec: spec({ reference_weight: 0.1 }) })]);
    expect(found).toContain("likelihood");
  });
});
