// @vitest-environment node
import { describe, expect, it } from "vitest";
import { algorithmValue, methodsIn } from "./catalog";

describe("what the catalogs know", () => {
  it("is of the methods that the spec names", () => {
    const known = ["ties", "linear", "slerp"].map(
      (name) => ({ name }) as Parameters<typeof methodsIn>[1][number],
    );
    const names = (merge: Parameters<typeof methodsIn>[0]) =>
      methodsIn({ merge }, known).map(({ name }) => name);
    expect(names({ method: "slerp" })).toEqual(["slerp"]);
    expect(names({ methods: ["linear", "ties", "other"] })).toEqual(["ties", "linear"]);
    expect(names({ method: "unknown" })).toEqual([]);
  });
  it("is of the kind that an algorithm's option says in words", () => {
    const read = (kind: string) => algorithmValue({ name: "x", doc: "", kind, default: null });
    expect(read("a whole number")).toMatchObject({ kind: "number", choices: null });
    expect(read("true or false")).toMatchObject({ choices: [true, false] });
    expect(read("'steady' or 'barrier'")).toMatchObject({ choices: ["steady", "barrier"], left: undefined });
  });
});
