// @vitest-environment node
import { expect, it } from "vitest";
import { points } from "./course";

it("spreads values over a box, the highest on top", () => {
  expect(points([0, 5, 10], 100, 20, 0)).toEqual([
    { x: 0, y: 20, value: 0 },
    { x: 50, y: 10, value: 5 },
    { x: 100, y: 0, value: 10 },
  ]);
});

it("leaves out what is not known, and keeps its place", () => {
  expect(points([null, 1, 2], 100, 20, 5).map(({ x }) => x)).toEqual([50, 95]);
  expect(points([], 100, 20, 5)).toEqual([]);
});

it("puts values that are all equal into the middle", () => {
  expect(points([3, 3], 100, 20, 5).map(({ y }) => y)).toEqual([10, 10]);
  expect(points([3], 100, 20, 5)).toEqual([{ x: 5, y: 10, value: 3 }]);
});
