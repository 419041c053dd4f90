// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { modeOf, modesOf, type Parameter, parametersOf, shownMode, withMode } from "./parameters";

const WEIGHT: Parameter = {
  name: "weight",
  scope: "model",
  granular: true,
  default: 1,
  low: -0.5,
  high: 1.5,
  doc: "",
  searched: true,
  domain: "real",
  coding: "linear",
};
const STILL: Parameter = { ...WEIGHT, name: "lambda", searched: false };
const method = (parameters: Parameter[]) => ({ parameters }) as Schemas["MethodView"];

describe("parameters of methods", () => {
  it("are each there once, in the range that all methods have", () => {
    const found = parametersOf([method([WEIGHT, STILL]), method([{ ...WEIGHT, low: 0, high: 2 }])]);
    expect(found.map(({ name, low, high }) => [name, low, high])).toEqual([
      ["weight", 0, 1.5],
      ["lambda", -0.5, 1.5],
    ]);
  });
  it("are searched or fixed as the spec says", () => {
    expect([undefined, {}, { range: [0, 1] }, { fixed: 1 }, 0.5].map(modeOf)).toEqual([
      "left",
      "own",
      "range",
      "fixed",
      "fixed",
    ]);
    expect(shownMode({ coding: "log" }, WEIGHT)).toBe("left");
    expect(shownMode({}, STILL)).toBe("own");
    expect(modesOf(WEIGHT).map(([mode]) => mode)).toEqual(["left", "range", "fixed"]);
    expect(modesOf(STILL).map(([mode]) => mode)).toEqual(["left", "own", "range", "fixed"]);
  });
  it("keep what still means something when their mode changes", () => {
    expect(withMode(undefined, "range", WEIGHT)).toEqual({ range: [-0.5, 1.5] });
    expect(withMode({ range: [0, 1], granularity: "global" }, "own", STILL)).toEqual({
      granularity: "global",
    });
    expect(withMode({ range: [0, 1], init: 0.5, models: { a: { fixed: 0 } } }, "fixed", WEIGHT)).toEqual({
      models: { a: { fixed: 0 } },
      fixed: 1,
    });
    expect(withMode({ fixed: 0.5 }, "left", WEIGHT)).toBeUndefined();
  });
});
