// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { inTurn, outOfTurn } from "./turns";

beforeEach(() => {
  vi.useFakeTimers();
});

describe("turns", () => {
  it("draws each in a task of its own, in order, and only the latest of one", () => {
    const drawn: string[] = [];
    const [a, b, c] = [{}, {}, {}];
    inTurn(a, () => drawn.push("a, early"));
    inTurn(b, () => drawn.push("b"));
    inTurn(c, () => drawn.push("c"));
    inTurn(a, () => drawn.push("a"));
    outOfTurn(c);
    expect(drawn).toEqual([]);
    vi.advanceTimersToNextTimer();
    expect(drawn).toEqual(["a"]);
    vi.runAllTimers();
    expect(drawn).toEqual(["a", "b"]);
  });
  it("goes on behind one that fails", () => {
    const drawn: string[] = [];
    inTurn({}, () => {
      throw new Error("no data");
    });
    inTurn({}, () => drawn.push("next"));
    expect(() => vi.advanceTimersToNextTimer()).toThrow("no data");
    vi.runAllTimers();
    expect(drawn).toEqual(["next"]);
  });
});
