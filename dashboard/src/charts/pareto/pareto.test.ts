// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import type { Schemas } from "@/api/client";
import { paletteForTests } from "../palette.fixture";
import { paretoDrawing } from "./drawing";
import { areaOf, frontOf, type Place, placesOf, taskNames } from "./places";
import { volumeDrawing } from "./volume";

const place = (number: number, a: number, b: number, more: Partial<Place> = {}): Place => ({
  number,
  label: "",
  front: false,
  baseline: false,
  tasks: { a: { mean: a, low: a - 0.1, high: a + 0.1 }, b: { mean: b, low: b, high: b } },
  selection: null,
  ...more,
});
const places = [
  place(1, 0.9, 0.1),
  place(2, 0.5, 0.5),
  place(3, 0.4, 0.4),
  place(4, 0.1, 0.9),
  place(5, 0.5, 0.2),
];

describe("the front", () => {
  it("leaves out who is beaten or equalled on both tasks", () => {
    expect(frontOf([...places, place(6, 0.5, 0.5)], "a", "b").map((one) => one.number)).toEqual([1, 2, 4]);
  });
  it("covers the area of what is better than the reference", () => {
    expect(areaOf(frontOf(places, "a", "b"), "a", "b", [0, 0])).toBeCloseTo(
      0.9 * 0.1 + 0.5 * 0.4 + 0.1 * 0.4,
    );
    expect(areaOf(frontOf(places, "a", "b"), "a", "b", [0.5, 0.2])).toBe(0);
  });
});

const tradeoffs: Schemas["Tradeoffs"] = {
  reason: null,
  total: 4,
  every: 1,
  number: [0, 2],
  kind: ["baseline", "search"],
  label: ["base", ""],
  mean: { a: [0.25, 0.5], b: [0.25, 0.6] },
  low: { a: [0.1, 0.35], b: [0.1, 0.4] },
  high: { a: [0.5, 0.65], b: [0.5, 0.8] },
  reference: { a: 0.25, b: 0.25 },
  base: 0,
  hypervolumes: { asked: [2, 4], update: [1], volume: [0, 0.0875], baselines: 0 },
};

describe("who is known", () => {
  const member = (number: number, mean: number) => ({
    number,
    label: "",
    search: { a: { mean, deviation: 0.05 } },
    selection: { a: 0.3 },
  });
  const outcome = {
    front: [2, 3],
    tradeoffs: { members: [member(2, 0.45), member(3, 0.98)] },
  } as unknown as Schemas["Outcome"];
  const found = placesOf(tradeoffs, outcome);
  it("takes scores on all items over estimates, and these over nothing", () => {
    expect(found.map((one) => [one.number, one.front, one.baseline, one.selection])).toEqual([
      [0, false, true, null],
      [2, true, false, { a: 0.3 }],
      [3, true, false, { a: 0.3 }],
    ]);
    expect(found[1]?.tasks.a).toEqual({ mean: 0.5, low: 0.35, high: 0.65 });
    expect(taskNames(found)).toEqual(["a", "b"]);
  });
  it("ends the interval of an estimate where shares end", () => {
    expect(found[2]?.tasks.a?.low).toBeCloseTo(0.882);
    expect(found[2]?.tasks.a?.high).toBe(1);
  });
});

describe("the hypervolume", () => {
  const drawn = (found: Schemas["Tradeoffs"]) =>
    volumeDrawing(found, found.hypervolumes as Schemas["Hypervolumes"], paletteForTests);
  it("says what it is measured from, and what the search was not needed for", () => {
    expect(drawn(tradeoffs).description).toBe(
      "The front reaches 0.087; parents and plain merges alone reach nothing. " +
        "It is measured from the base's scores (a 0.250, b 0.250).",
    );
    expect(drawn({ ...tradeoffs, base: null }).description).toContain("measured from 0 on every task");
  });
  it("names the update only where one is known", () => {
    const tooltip = drawn(tradeoffs).option.tooltip as { formatter: (rows: object[]) => string };
    const text = (dataIndex: number) => tooltip.formatter([{ seriesName: "front so far", dataIndex }]);
    expect([text(0), text(1)]).toEqual([
      "2 candidates, update 1 of the search\nhypervolume 0.000",
      "4 candidates\nhypervolume 0.087",
    ]);
  });
});

describe("the chart of trade-offs", () => {
  const pin = vi.fn();
  const drawing = paretoDrawing(
    { places, reference: { a: 0, b: 0 }, hypervolume: null, looked: { total: 5, every: 1 } },
    { across: "a", up: "b", pinned: 2 },
    paletteForTests,
    pin,
  );
  const series = drawing.option.series as { name: string; data: number[][] }[];
  it("joins the front, leaves the others apart, and rings who is pinned", () => {
    const numbers = (name: string) => series.find((one) => one.name === name)?.data.map((row) => row[2]);
    expect([numbers("front"), numbers("searched"), numbers("pinned")]).toEqual([[1, 2, 4], [3, 5], [2]]);
  });
  it("pins a candidate that is clicked, but not an interval", () => {
    const click = drawing.on?.click as unknown as (event: object) => void;
    click({ data: [0.5, 0.5, 2] });
    click({ data: { value: [1, 2] } });
    expect(pin.mock.calls).toEqual([[2]]);
  });
  it("names the ends of the front and its hypervolume", () => {
    expect(drawing.description).toContain("candidate 1 is best on a (0.900), candidate 4 on b (0.900)");
    expect(drawing.description).toContain("Hypervolume above the base: 0.330");
  });
});
