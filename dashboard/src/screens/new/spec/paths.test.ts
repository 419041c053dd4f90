// @vitest-environment node
import { describe, expect, it } from "vitest";
import { formatPath, getAt, parsePath, renameKey, setAt } from "./paths";

describe("places in a spec", () => {
  it("are written as the server writes them", () => {
    for (const text of ["name", "tasks[0].splits.test", "merge.parameters.weight.range[1]"])
      expect(formatPath(parsePath(text))).toBe(text);
    expect(parsePath("tasks[10].metric")).toEqual(["tasks", 10, "metric"]);
  });
  it("are set without touching what is around them", () => {
    const spec = { a: 1, b: { c: [1, 2, 3] }, d: 2 };
    const changed = setAt(spec, ["b", "c", 1], 5);
    expect(changed).toEqual({ a: 1, b: { c: [1, 5, 3] }, d: 2 });
    expect(spec.b.c).toEqual([1, 2, 3]);
    expect(Object.keys(setAt(spec, ["a"], 9) as object)).toEqual(["a", "b", "d"]);
  });
  it("are made on the way, and go away with their value", () => {
    expect(setAt({}, ["tasks", 0, "metric"], "acc")).toEqual({ tasks: [{ metric: "acc" }] });
    expect(setAt({ a: { b: 1 }, c: 2 }, ["a", "b"], undefined)).toEqual({ a: {}, c: 2 });
    expect(setAt({ list: [1, 2, 3] }, ["list", 1], undefined)).toEqual({ list: [1, 3] });
  });
  it("are undefined where the spec is of another shape", () => {
    expect(getAt({ a: "text" }, ["a", "b"])).toBeUndefined();
    expect(getAt({ a: [1] }, ["a", "b"])).toBeUndefined();
  });
  it("keep their order when a key gets another name", () => {
    expect(Object.keys(renameKey({ a: 1, b: 2, c: 3 }, "b", "z"))).toEqual(["a", "z", "c"]);
  });
});
