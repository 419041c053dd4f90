/** Candidates by what they reach on each task, and which of them no other one beats. */
import type { Schemas } from "@/api/client";

const NORMAL_95 = 1.96;

export interface Scored {
  mean: number;
  low: number;
  high: number;
}
export interface Place {
  number: number;
  label: string;
  /** On the front of all tasks together, as the server decided it. */
  front: boolean;
  baseline: boolean;
  tasks: Readonly<Record<string, Scored>>;
  selection: Readonly<Record<string, number>> | null;
}

type Detail = Schemas["ExperimentDetail"];

const around = (mean: number, deviation: number): Scored => ({
  mean,
  low: mean - NORMAL_95 * deviation,
  high: mean + NORMAL_95 * deviation,
});
const mapped = <T, U>(values: Record<string, T>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));

/** Everybody whose score on each task is known: the front, the ten best, and what the search did not draw. */
export function placesOf(detail: Detail, models: readonly Schemas["RoleView"][]): Place[] {
  const front = new Set(detail.outcome?.front ?? []);
  const found = new Map<number, Place>();
  for (const { number, label, role, splits } of models) {
    if (splits.search === undefined) continue;
    const baseline = role === "base" || role === "expert" || role === "baseline";
    found.set(number, {
      number,
      label,
      front: front.has(number),
      baseline,
      tasks: splits.search.tasks,
      selection: null,
    });
  }
  for (const { number, label, splits, kind } of detail.standings) {
    const tasks = splits.search?.tasks;
    if (tasks === undefined || found.has(number)) continue;
    const scored = mapped(tasks, ({ score, stderr }) => around(score, stderr ?? 0));
    found.set(number, {
      number,
      label,
      front: front.has(number),
      baseline: kind === "baseline",
      tasks: scored,
      selection: null,
    });
  }
  for (const { number, label, search, selection } of detail.outcome?.tradeoffs?.members ?? []) {
    const tasks = mapped(search, ({ mean, deviation }) => around(mean, deviation));
    found.set(number, {
      number,
      label,
      front: true,
      baseline: found.get(number)?.baseline ?? false,
      tasks,
      selection,
    });
  }
  return [...found.values()].sort((a, b) => a.number - b.number);
}

export const taskNames = (places: readonly Place[]): string[] =>
  [...new Set(places.flatMap((place) => Object.keys(place.tasks)))].sort();

/** Those that no other one beats on two tasks, from the best on the first to the best on the second. */
export function frontOf(places: readonly Place[], across: string, up: string): Place[] {
  const order = places
    .filter((place) => across in place.tasks && up in place.tasks)
    .sort((a, b) => score(b, across) - score(a, across) || score(b, up) - score(a, up));
  let highest = Number.NEGATIVE_INFINITY;
  return order.filter((place) => {
    if (score(place, up) <= highest) return false;
    highest = score(place, up);
    return true;
  });
}

/** The area of scores that a front of two tasks reaches above a reference point. */
export function areaOf(
  front: readonly Place[],
  across: string,
  up: string,
  from: readonly [number, number],
): number {
  let height = from[1];
  let area = 0;
  for (const place of front) {
    const [x, y] = [score(place, across), score(place, up)];
    if (x <= from[0]) break;
    if (y > height) {
      area += (x - from[0]) * (y - height);
      height = y;
    }
  }
  return area;
}

export const score = (place: Place, task: string): number =>
  place.tasks[task]?.mean ?? Number.NEGATIVE_INFINITY;

export const nameOf = (place: Place): string => place.label || `candidate ${place.number}`;
