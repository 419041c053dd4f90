// @vitest-environment node
import { describe, expect, it, vi } from "vitest";
import type { Schemas } from "@/api/client";
import { paletteForTests } from "../palette.fixture";
import { paretoDrawing } from "./drawing";
import { areaOf, frontOf, type Place, placesOf, taskNames } from "./places";

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

describe("who is known", () => {
  it("takes the decided estimates over the standings, and these over nothing", () => {
    const score = (mean: number) => ({ items: 4, score: mean, stderr: 0.1, reference_logprob: null });
    const standing = (number: number) => ({
      number,
      kind: "search",
      label: "",
      fitness: 0.5,
      splits: { search: { items: 8, tasks: { a: score(0.5), b: score(0.6) } } },
    });
    const member = {
      number: 2,
      label: "",
      search: { a: { mean: 0.45, deviation: 0.05 } },
      selection: { a: 0.3 },
    };
    const detail = {
      standings: [standing(2), standing(3)],
      outcome: { front: [2], tradeoffs: { members: [member] } },
    } as unknown as Schemas["ExperimentDetail"];
    const found = placesOf(detail, []);
    expect(found.map((one) => [one.number, one.front, one.selection])).toEqual([
      [2, true, { a: 0.3 }],
      [3, false, null],
    ]);
    expect(found[0]?.tasks.a?.low).toBeCloseTo(0.352);
    expect(found[1]?.tasks.a?.high).toBeCloseTo(0.696);
    expect(taskNames(found)).toEqual(["a", "b"]);
  });
});

describe("the chart of trade-offs", () => {
  const pin = vi.fn();
  const drawing = paretoDrawing(
    { places, reference: { a: 0, b: 0 }, hypervolume: null },
    { across: "a", up: "b", pinned: 2 },
    paletteForTests,
    pin,
  );
  const series = drawing.option.series as { name: string; data: number[][] }[];
  it("joins the front, leaves the others apart, and rings who is pinned", () => {
    const numbers = (name: string) => series.find((one) => one.name === name)?.data.map((row) => row[2]);
    expect([numbers("front"), numbers("searched"), numbers("pinned")]).toEqual([[1, 2, 4], [3, 5], [2]]);
  });
  it("does not stretch an axis of shares for an interval that goes beyond them", () => {
    const axis = (some: readonly Place[]) =>
      paretoDrawing(
        { places: some, reference: {}, hypervolume: null },
        { across: "a", up: "b", pinned: null },
        paletteForTests,
        pin,
      ).option.xAxis as { max?: number };
    expect([axis(places).max, axis([place(1, 0.95, 0.1)]).max, axis([place(1, 4.95, 0.1)]).max]).toEqual([
      undefined,
      1,
      undefined,
    ]);
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
