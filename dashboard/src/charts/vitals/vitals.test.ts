import { describe, expect, it } from "vitest";
import { figuresOf, type Vitals } from "./figures";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const well: Vitals = {
  running: 2,
  waiting: 1,
  lost: 0,
  lost_reasons: [],
  infeasible_reasons: [],
  driver_heartbeat_at: "2026-01-01T11:59:55Z",
  last_event_at: null,
  store_ms: 0.4,
  candidates_per_minute: 3.25,
  warnings: [],
};
const tones = (vitals: Vitals) =>
  figuresOf(vitals, NOW).flatMap((one) => (one.tone === undefined ? [] : [[one.name, one.tone]]));

describe("figuresOf", () => {
  it("is quiet where all is well", () => {
    expect(tones(well)).toEqual([]);
    expect(figuresOf(well, NOW).find((one) => one.name === "Driver")?.value).toBe("5 s ago");
  });
  it("raises what is wrong, in words as well", () => {
    const ill: Vitals = {
      ...well,
      lost: 3,
      infeasible_reasons: [
        { reason: "NaN", count: 2, number: 7 },
        { reason: "out of memory", count: 1, number: 9 },
      ],
      driver_heartbeat_at: "2026-01-01T11:58:00Z",
      store_ms: 80,
    };
    expect(tones(ill)).toEqual([
      ["Lost", "warn"],
      ["Infeasible", "warn"],
      ["Driver", "bad"],
      ["Store", "warn"],
    ]);
    expect(figuresOf(ill, NOW).find((one) => one.name === "Driver")?.note).toBe("its heart has stopped");
  });
});
