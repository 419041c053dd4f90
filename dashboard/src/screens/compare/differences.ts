/** What sets experiments apart: keys of their specs, and what makes their scores incomparable. */
import type { Schemas } from "@/api/client";

export type Detail = Schemas["ExperimentDetail"];

/** Every leaf of a value by its path, such as search.budget.evaluations. */
export function leaves(value: unknown, path = ""): [string, unknown][] {
  if (value === null || typeof value !== "object") return [[path, value]];
  const entries = Object.entries(value);
  if (entries.length === 0) return [[path, value]];
  return entries.flatMap(([key, one]) => leaves(one, path === "" ? key : `${path}.${key}`));
}

export interface Difference {
  path: string;
  /** One for each spec; undefined where it lacks the key. */
  values: readonly unknown[];
}

/** Says how they came to be called or where they write, not what they do. */
const NAMES = new Set(["name", "output"]);

/** The keys that not all specs have the same value of, in the order of their first mention. */
export function specDifferences(specs: readonly object[]): Difference[] {
  const all = specs.map((spec) => new Map(leaves(spec)));
  const paths = [...new Set(all.flatMap((one) => [...one.keys()]))];
  return paths
    .filter((path) => !NAMES.has(path))
    .map((path) => ({ path, values: all.map((one) => one.get(path)) }))
    .filter(({ values }) => new Set(values.map((one) => JSON.stringify(one) ?? "")).size > 1);
}

/** What follows where something differs. */
const GROUNDS: readonly (readonly [consequence: string, of: (one: Detail) => unknown])[] = [
  [
    "They have different tasks, metrics or weights: neither fitness nor test scores are on the same scale.",
    ({ spec }) =>
      (spec.tasks as Record<string, unknown>[] | undefined)?.map((task) => [
        task.name,
        task.metric,
        task.weight,
      ]),
  ],
  [
    "They count the reference answers' likelihood differently, so their fitness is not on the same scale.",
    ({ spec }) => (spec.search as Record<string, unknown> | undefined)?.reference_weight,
  ],
  [
    "They search on different items: a difference in fitness may come from the items.",
    (one) => items(one, "search"),
  ],
  [
    "They were tested on different items: their test scores cannot be told apart by them.",
    (one) => items(one, "test"),
  ],
  [
    "They merge different models.",
    ({ resolved }) => (resolved.inputs as Record<string, unknown> | undefined)?.models,
  ],
];

const items = ({ resolved }: Detail, split: string): unknown =>
  ((resolved.inputs as Record<string, unknown> | undefined)?.items as Record<string, unknown> | undefined)?.[
    split
  ];

/** Why experiments cannot be compared as they stand, in sentences; the server adds how their scores were made. */
export const incomparable = (details: readonly Detail[]): string[] =>
  GROUNDS.filter(([, of]) => new Set(details.map((one) => JSON.stringify(of(one)) ?? "")).size > 1).map(
    ([consequence]) => consequence,
  );

/** A value of a spec in one line. */
export function shown(value: unknown): string {
  if (value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
