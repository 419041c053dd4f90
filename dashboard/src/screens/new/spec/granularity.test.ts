// @vitest-environment node
import { expect, it } from "vitest";
import { readGranularity } from "./granularity";

it("puts granularities into words", () => {
  expect(readGranularity("global")).toBe("One value for the whole model.");
  expect(readGranularity("group:6+module")).toBe(
    "One value for every 6 blocks; attention and MLP each have their own.",
  );
  expect(readGranularity("spline:4")).toBe("4 values over the depth, joined by a smooth curve.");
  expect(readGranularity("layer+module+other")).toContain("embeddings and norms");
  expect(readGranularity("chunks:16")).toContain("16 pieces");
});

it("does not explain what is none", () => {
  expect(["", "group:0", "spline:1", "layers", "group:6+other"].map(readGranularity)).toEqual(
    Array(5).fill(null),
  );
});
