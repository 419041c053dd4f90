/** The spec's JSON schema, and which kind of field each of its parts is. */
import document from "@/api/spec-schema.json";
import { isObject, type Json } from "./paths";

export interface Schema {
  $ref?: string;
  title?: string;
  description?: string;
  type?: string;
  default?: Json;
  enum?: string[];
  anyOf?: Schema[];
  items?: Schema;
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

export type Field =
  | { kind: "text" | "switch" | "range" | "words" | "values" }
  | { kind: "number"; whole: boolean; limits: Schema }
  | { kind: "choice"; choices: readonly string[] }
  /** Text or a number. */
  | { kind: "plain"; suggested: readonly string[] }
  /** Keys that the schema names. `short`: the key that a bare value stands for. `optional`: null where it is left out. */
  | { kind: "group"; schema: Schema; short: string | null; optional: boolean }
  | { kind: "list"; schema: Schema }
  /** Keys that the user names. */
  | { kind: "map"; schema: Schema };

const SCHEMAS = document.components.schemas as unknown as Record<string, Schema>;
export const ROOT = SCHEMAS.ExperimentSpec as Schema;
export const BLACKBOX = SCHEMAS.BlackboxExperiment as Schema;
/** What a bare value in place of a mapping means; the server reads it so. */
const SHORT: Record<string, string> = {
  ModelSpec: "model",
  ParameterSpec: "fixed",
  ModelParameterSpec: "fixed",
};

/** What most people set, in the order in which they think of it; the API's document has the order of the alphabet. */
export const USUAL: Record<string, readonly string[]> = {
  ExperimentSpec: ["name", "base_model", "models", "merge", "tasks", "search", "workers"],
  BlackboxExperiment: ["name", "blackbox", "search"],
  MergeSpec: ["method", "granularity", "parameters"],
  ParameterSpec: ["init"],
  TaskSpec: ["task", "suite", "name", "metric", "weight", "splits"],
  SearchSpec: ["budget", "algorithm", "seed"],
  WorkersSpec: ["engine", "count", "gpus", "dtype"],
  BlackboxSpec: ["url", "parameters", "items", "selection", "test", "workers"],
};

export const rootOf = (spec: Json | undefined): Schema =>
  isObject(spec) && "blackbox" in spec ? BLACKBOX : ROOT;

export function resolved(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  return SCHEMAS[schema.$ref.split("/").at(-1) ?? ""] as Schema;
}

export function fieldOf(schema: Schema): Field {
  const several = schema.anyOf?.filter((one) => one.type !== "null");
  if (several !== undefined) return ofSeveral(several, several.length < (schema.anyOf?.length ?? 0));
  const own = resolved(schema);
  if (own.enum) return { kind: "choice", choices: own.enum };
  if (own.properties) return { kind: "group", schema: own, short: null, optional: false };
  if (own.type === "array") return ofArray(own);
  if (own.type === "object") return ofMap(own);
  if (own.type === "boolean") return { kind: "switch" };
  if (own.type === "integer" || own.type === "number")
    return { kind: "number", whole: own.type === "integer", limits: own };
  return { kind: "text" };
}

function ofSeveral(several: readonly Schema[], optional: boolean): Field {
  const [first] = several;
  if (several.length === 1 && first) {
    const field = fieldOf(first);
    return field.kind === "group" ? { ...field, optional } : field;
  }
  const group = several.map(resolved).find((one) => one.properties);
  if (group)
    return { kind: "group", schema: group, short: SHORT[group.title ?? ""] ?? null, optional: false };
  return { kind: "plain", suggested: several.flatMap((one) => one.enum ?? []) };
}

function ofArray(schema: Schema): Field {
  if (schema.prefixItems) return { kind: "range" };
  const items = schema.items ?? {};
  return resolved(items).properties ? { kind: "list", schema: items } : { kind: "words" };
}

function ofMap(schema: Schema): Field {
  const [named] = Object.values(schema.patternProperties ?? {});
  const entry = named ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : {});
  return fieldOf(entry).kind === "group" ? { kind: "map", schema: entry } : { kind: "values" };
}

const SPELT: Record<string, string> = { gpus: "GPUs", cpus: "CPUs", url: "URL", dtype: "Number format" };

/** A key as a label: `max_model_len` is "Max model len". */
export const labelOf = (key: string): string =>
  SPELT[key] ?? (key.charAt(0).toUpperCase() + key.slice(1)).replaceAll("_", " ");

/** What a key means, in the words of a form: an empty field stands for null, and there is no file. */
export const helpOf = (schema: Schema): string =>
  (schema.description ?? "")
    .replace(/\bnull = /g, "empty = ")
    .replace(" -> ", " and ")
    .replace(/,? \(?relative to the spec file\)?/, "");

/** The value that a key has where it is left out; undefined where it must be given or is some other thing's. */
export function defaultOf(schema: Schema): Json | undefined {
  return schema.default === null ? undefined : schema.default;
}

export const required = (group: Schema, key: string): boolean => group.required?.includes(key) ?? false;

/** Where a number lies outside of what the schema allows; null where it does not. */
export function wrongNumber(value: Json | undefined, whole: boolean, limits: Schema): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "number") return whole ? "Not a whole number" : "Not a number";
  if (whole && !Number.isInteger(value)) return "Not a whole number";
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = limits;
  if (minimum !== undefined && value < minimum) return `At least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `At most ${maximum}`;
  if (above !== undefined && value <= above) return `More than ${above}`;
  if (below !== undefined && value >= below) return `Less than ${below}`;
  return null;
}
