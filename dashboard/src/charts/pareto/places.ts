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

type Outcome = Schemas["Outcome"] | null;

const mapped = <T, U>(values: Record<string, T>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));

/** An estimate and its 95 % interval, which ends where shares do if the estimate is one. */
function estimated({ mean, deviation }: Schemas["Estimate"]): Scored {
  const [least, most] =
    mean >= 0 && mean <= 1 ? [0, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const reach = NORMAL_95 * deviation;
  return { mean, low: Math.max(mean - reach, least), high: Math.min(mean + reach, most) };
}

/** Everybody with all search items, and who is on the outcome's front by estimates. */
export function placesOf(found: Schemas["Tradeoffs"], outcome: Outcome): Place[] {
  const members = new Map((outcome?.tradeoffs?.members ?? []).map((one) => [one.number, one]));
  const front = new Set(outcome?.front ?? []);
  const names = Object.keys(found.mean);
  const places = found.number.map((number, i): Place => {
    const at = (task: string, column: Record<string, number[]>) => column[task]?.[i] as number;
    return {
      number,
      label: found.label[i] ?? "",
      front: front.has(number),
      baseline: found.kind[i] === "baseline",
      tasks: Object.fromEntries(
        names.map((task) => [
          task,
          { mean: at(task, found.mean), low: at(task, found.low), high: at(task, found.high) },
        ]),
      ),
      selection: members.get(number)?.selection ?? null,
    };
  });
  for (const { number } of places) members.delete(number);
  const rest = [...members.values()].map(({ number, label, search, selection }): Place => {
    const tasks = mapped(search, estimated);
    return { number, label, front: true, baseline: false, tasks, selection };
  });
  return [...places, ...rest].sort((a, b) => a.number - b.number);
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
