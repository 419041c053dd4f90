// @vitest-environment node
import { describe, expect, it } from "vitest";
import { paletteForTests } from "../palette.fixture";
import { type Timeline, timelineDrawing } from "./drawing";
import { ordered, phaseName } from "./phases";

const data: Timeline = {
  reason: null,
  start: "2026-01-01T00:00:00Z",
  end: "2026-01-01T00:10:00Z",
  total: 5,
  shown: 5,
  workers: [
    { name: "one", busy_s: 300, span_s: 600, utilisation: 0.5, lost: 1 },
    { name: "two", busy_s: 60, span_s: 600, utilisation: 0.1, lost: 0 },
  ],
  lane: [0, 0, 1, 1, 0],
  number: [1, 2, 3, 4, 2],
  split: ["search", "search", "test", "search", "search"],
  block: [0, 1, -1, 0, 1],
  attempt: [1, 1, 1, 1, 2],
  state: ["done", "lost", "done", "running", "done"],
  started_s: [0, 60, 120, 540, 570],
  finished_s: [60, 90, 300, null, 600],
  lost_because: { 1: "the node is gone" },
  phases: {},
};

describe("timelineDrawing", () => {
  const { option, description, table, height } = timelineDrawing(data, paletteForTests);
  const { series } = option as { series: { name?: string; data: { value: number[] }[] }[] };
  const bars = (name: string) => series.find((one) => one.name === name)?.data.map((one) => one.value);
  type Told = { tooltip: { formatter: () => string } };
  const told = (name: string) =>
    series.find((one) => one.name === name)?.data.map((one) => (one as unknown as Told).tooltip.formatter());

  it("draws a bar from start to end, in minutes, in the worker's lane", () => {
    expect(bars("search items")).toEqual([
      [0, 0, 1],
      [0, 9.5, 10],
    ]);
    expect(bars("test items")).toEqual([[1, 2, 5]]);
  });
  it("ends what runs at the present, and shows what was lost apart", () => {
    expect(bars("running now")).toEqual([[1, 9, 10]]);
    expect(bars("lost")).toEqual([[0, 1, 1.5]]);
    expect(told("lost")?.[0]).toContain("attempt 1, lost on one\n30.0 s, from 1 min on\nthe node is gone");
  });
  it("marks what does again what was lost", () => {
    const marks = series.find((one) => one.name === "done again")?.data;
    expect(marks).toEqual([[9.5, 0]]);
    expect(
      timelineDrawing({ ...data, attempt: [1, 1, 1, 1, 1] }, paletteForTests).option.series,
    ).toHaveLength(series.length - 1);
  });
  it("leaves out what there is none of", () => {
    expect(bars("infeasible")).toBeUndefined();
  });
  it("says how busy the workers were, and gives each a lane's height", () => {
    expect(description).toContain("busy 30 % of 10 min; 1 attempt was lost, 1 of those shown do");
    const single = timelineDrawing({ ...data, workers: data.workers.slice(1) }, paletteForTests);
    expect(Number(height) - Number(single.height)).toBe(26);
    expect(table.rows[2]).toEqual(["two", 3, "test", "all", 1, "done", 120, 300, null]);
    expect(table.rows[1]?.at(-1)).toBe("the node is gone");
  });
});

describe("phases", () => {
  it("come in the order of the work, unknown ones last", () => {
    expect(ordered(["score", "zip", "write", "apply"])).toEqual(["apply", "write", "score", "zip"]);
    expect([phaseName("apply"), phaseName("zip")]).toEqual(["merging", "zip"]);
  });
});
