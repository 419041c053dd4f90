/** What the record says of where scores come from, as rows of tables. */
import type { Schemas } from "@/api/client";

type Detail = Pick<Schemas["ExperimentDetail"], "spec" | "resolved">;
type Data = Record<string, unknown>;

const data = (value: unknown): Data => (typeof value === "object" && value !== null ? (value as Data) : {});
const words = (value: unknown): string =>
  value === null || value === undefined
    ? "–"
    : typeof value === "string"
      ? value
      : typeof value === "boolean"
        ? value
          ? "yes"
          : "no"
        : typeof value === "object"
          ? JSON.stringify(value)
          : String(value);

export const versions = ({ resolved }: Detail): [string, string][] =>
  Object.entries(data(resolved.versions)).map(([name, version]) => [name, words(version)]);

export interface ModelRow {
  name: string;
  path: string;
  revision: string;
  /** SHA-256 of each weight file. */
  digests: string[];
}

export function models({ resolved }: Detail): ModelRow[] {
  const files = data(data(resolved.inputs).models);
  return Object.entries(data(resolved.models)).map(([name, place]) => ({
    name,
    path: words(data(place).path),
    revision: words(data(place).revision),
    digests: Array.isArray(files[name]) ? (files[name] as unknown[]).map(String) : [],
  }));
}

/** What a task's table shows; the record may hold more, which its full text has. */
const TASK_FIELDS: readonly (readonly [string, string])[] = [
  ["source", "Source"],
  ["config_hash", "Hash of its configuration"],
  ["lm_eval", "lm-eval"],
  ["output_type", "Kind of answer"],
  ["metric", "Metric"],
  ["filter", "Filter"],
  ["weight", "Weight"],
  ["num_fewshot", "Examples in the prompt"],
  ["chat_template", "Chat template"],
  ["teacher_forced", "Search by likelihood of the answer"],
  ["seed", "Seed of its splits"],
  ["generation_kwargs", "Generation"],
];

export interface TaskRow {
  name: string;
  facts: [string, string][];
  splits: { split: string; items: string; hash: string }[];
}

export function tasks({ resolved }: Detail): TaskRow[] {
  return Object.entries(data(resolved.tasks)).map(([name, found]) => {
    const task = data(found);
    const items = data(task.items);
    const hashes = data(task.items_hash);
    return {
      name,
      facts: TASK_FIELDS.filter(([key]) => key in task).map(([key, title]) => [title, words(task[key])]),
      splits: Object.keys(items).map((split) => ({
        split,
        items: words(items[split]),
        hash: words(hashes[split]),
      })),
    };
  });
}

/** Seeds, and digests of what the search works on. */
export function seeds({ spec, resolved }: Detail): [string, string][] {
  const search = data(spec.search);
  const inputs = data(resolved.inputs);
  const rows: [string, unknown][] = [
    ["Seed of the search", search.seed],
    ["Algorithm", search.algorithm],
    ["Searched coefficients", Array.isArray(resolved.genes) ? resolved.genes.length : undefined],
    ["Digest of the search space", inputs.space],
    ...Object.entries(data(inputs.items)).map(([split, hash]): [string, unknown] => [
      `Hash of the ${split} items`,
      hash,
    ]),
    ...Object.entries(data(inputs.option_files)).map(([name, hash]): [string, unknown] => [
      `Hash of the file of ${name}`,
      hash,
    ]),
    ["Digest of the vocabulary", inputs.vocabulary],
    ["Processors per worker", resolved.worker_cpus],
    ["Numbers of the workers", data(spec.workers).dtype],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, words(value)]]));
}
