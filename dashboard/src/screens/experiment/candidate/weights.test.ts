import { describe, expect, it } from "vitest";
import { weights } from "./weights";

describe("weights", () => {
  it("summarises values by parameter and model", () => {
    const recipe = {
      method: "ties",
      models: ["a", "b"],
      coefficients: { density: [0.5], weight: { a: [0, 1, 2], b: [-1] } },
    };
    expect(weights(recipe)).toEqual([
      { parameter: "density", model: null, values: [0.5], low: 0.5, mean: 0.5, high: 0.5 },
      { parameter: "weight", model: "a", values: [0, 1, 2], low: 0, mean: 1, high: 2 },
      { parameter: "weight", model: "b", values: [-1], low: -1, mean: -1, high: -1 },
    ]);
  });
  it("reads a black box, and a recipe without coefficients", () => {
    expect(weights({ blackbox: { x: 0.25 } }).map((one) => [one.parameter, one.mean])).toEqual([["x", 0.25]]);
    expect(weights({ method: "linear", models: ["a"] })).toEqual([]);
    expect(weights({ coefficients: { odd: "text", empty: [] } })).toEqual([]);
  });
});
