// @vitest-environment node
import { describe, expect, it } from "vitest";
import { toForm, toSpec, withoutDefaults } from "./transform";

const SPEC = {
  name: "two-experts",
  base_model: "base",
  models: { maths: "experts/maths", code: { model: "org/code", revision: "0123abc" } },
  merge: {
    method: "ties",
    parameters: { weight: { range: [0, 1], models: { maths: 0.5 } }, density: 0.2, lambda: {} },
    options: { normalize: false },
  },
  tasks: [{ task: "one.yaml", metric: "acc" }],
  search: { budget: { evaluations: 100 } },
};

describe("a spec in the form", () => {
  it("has a mapping wherever the spec may have one or a bare value", () => {
    expect(toForm(SPEC)).toMatchObject({
      base_model: { model: "base" },
      models: { maths: { model: "experts/maths" }, code: { model: "org/code", revision: "0123abc" } },
      merge: {
        parameters: { weight: { models: { maths: { fixed: 0.5 } } }, density: { fixed: 0.2 }, lambda: {} },
      },
    });
  });
  it("comes back as it was", () => {
    expect(toSpec(toForm(SPEC))).toEqual(SPEC);
    const box = {
      name: "box",
      blackbox: { url: "http://a", parameters: { x: { range: [0, 1] } }, items: ["a", "b"] },
    };
    expect(toSpec(toForm(box))).toEqual(box);
  });
  it("comes out in the order in which people think of it, whatever was filled in first", () => {
    const late = {
      search: {},
      surprise: 1,
      tasks: [{ metric: "acc", name: "a", task: "one" }],
      merge: {},
      name: "x",
    };
    expect(Object.keys(toSpec(late))).toEqual(["name", "merge", "tasks", "search", "surprise"]);
    expect(JSON.stringify(toSpec(late).tasks)).toBe('[{"task":"one","name":"a","metric":"acc"}]');
  });
  it("keeps what the schema does not know, and what is of another type than it says", () => {
    const odd = { ...SPEC, surprise: { deep: [1, { x: null }] }, workers: "many", tasks: "all" };
    expect(toSpec(toForm(odd))).toEqual(odd);
  });
  it("leaves out groups and lists that were emptied again, but none that say something by being there", () => {
    const emptied = {
      ...SPEC,
      workers: {},
      merge: { method: "ties", parameters: { density: {} }, options: {}, hierarchy: [], tokenizer: {} },
      tasks: [{ task: "one.yaml", metric: "acc", splits: {} }],
      search: { budget: {}, constraints: [] },
    };
    expect(toSpec(emptied)).toMatchObject({
      merge: { method: "ties", parameters: { density: {} }, tokenizer: {} },
      search: { budget: {} },
    });
    expect(toSpec(emptied)).not.toHaveProperty("workers");
    expect(toSpec(emptied)).not.toHaveProperty("merge.options");
    expect(toSpec(emptied)).not.toHaveProperty("tasks.0.splits");
    expect(toSpec(emptied)).not.toHaveProperty("search.constraints");
  });
});

describe("a recorded spec", () => {
  it("loses what it says without need: nulls, defaults, and mappings of one value", () => {
    const recorded = {
      name: "two-experts",
      base_model: { model: "base", revision: null },
      models: { maths: { model: "experts/maths", revision: null } },
      merge: {
        method: "ties",
        methods: null,
        granularity: "global",
        hierarchy: [],
        deviation: 0.5,
        parameters: {
          weight: { range: [0, 1], init: null, fixed: null, coding: null, shared: false, models: {} },
          lambda: { range: null, init: null, fixed: null, shared: false },
        },
        options: {},
        tokenizer: null,
      },
      tasks: [
        { task: "one.yaml", metric: "acc", weight: 1, splits: { search: 64, selection: 64, test: 100 } },
      ],
      search: { algorithm: "merge-cma", seed: 0, budget: { evaluations: 100, items: null, hours: null } },
      workers: { engine: "vllm", count: 1, gpus: 0, population: "auto", stall_seconds: 600 },
      output: null,
    };
    expect(withoutDefaults(recorded)).toEqual({
      name: "two-experts",
      base_model: "base",
      models: { maths: "experts/maths" },
      merge: { method: "ties", parameters: { weight: { range: [0, 1] }, lambda: {} } },
      tasks: [{ task: "one.yaml", metric: "acc", splits: { test: 100 } }],
      search: { algorithm: "merge-cma", budget: { evaluations: 100 } },
    });
  });
});
