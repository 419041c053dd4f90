/** Where buckets of candidates, and single ones, lie on a horizontal axis. */
import type { Schemas } from "@/api/client";
import { type Unit, unitOf } from "../axes";

type Series = Schemas["Series"];
export const AXES = ["candidates", "items", "time", "work"] as const;
export type Axis = (typeof AXES)[number];

export interface Places {
  name: string;
  unit: Unit;
  /** Where each bucket ends. */
  ends: readonly number[];
  /** Where a candidate is; within a bucket, its share of it. */
  of(number: number): number;
}

const NAMES = {
  candidates: "candidates",
  items: "search items scored",
  time: "since the start",
  work: "of workers",
};

/** Places of a series on one of its axes, in a given unit or one that fits. */
export function placesOn(series: Series, axis: Axis, given?: Unit): Places {
  const last = (index: number) => Math.min((series.number[index] ?? 0) + series.width, series.total);
  const raw = {
    candidates: series.number.map((_, index) => last(index)),
    items: series.items ?? [],
    time: series.seconds ?? [],
    work: series.worker_seconds ?? [],
  }[axis];
  const timed = axis === "time" || axis === "work";
  const unit: Unit = given ?? (timed ? unitOf(raw.at(-1) ?? 0) : { size: 1, name: "" });
  const ends = raw.map((value) => value / unit.size);
  return {
    name: timed ? `${unit.name} ${NAMES[axis]}` : NAMES[axis],
    unit,
    ends,
    of(number) {
      const index = Math.min(Math.floor((number - (series.number[0] ?? 0)) / series.width), ends.length - 1);
      if (index < 0) return 0;
      const first = series.number[index] ?? 0;
      const from = ends[index - 1] ?? 0;
      const to = ends[index] ?? from;
      return from + ((to - from) * (number + 1 - first)) / Math.max(last(index) - first, 1);
    },
  };
}
