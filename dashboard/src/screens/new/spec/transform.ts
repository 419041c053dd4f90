/** A spec as people write it ⇄ as the form holds it: there, what may be one value or a mapping is a mapping. */
import { equal, isObject, type Json, type JsonObject } from "./paths";
import { defaultOf, type Field, fieldOf, required, resolved, rootOf, type Schema, USUAL } from "./schema";

type Step = (schema: Schema, value: Json) => Json;

/** Returns a value with `step` taken on everything below it that the schema knows; the rest stays as it is. */
function below(field: Field, value: Json, step: Step): Json {
  if (field.kind === "list" && Array.isArray(value)) return value.map((one) => step(field.schema, one));
  if (!isObject(value) || (field.kind !== "map" && field.kind !== "group")) return value;
  const schemaOf = (key: string) => (field.kind === "map" ? field.schema : field.schema.properties?.[key]);
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const schema = schemaOf(key);
      return [key, schema ? step(schema, one) : one];
    }),
  );
}

const expand: Step = (schema, value) => {
  const field = fieldOf(schema);
  const bare = field.kind === "group" && field.short !== null && value !== null && typeof value !== "object";
  return below(field, bare ? { [field.short as string]: value } : value, expand);
};

const collapse: Step = (schema, value) => {
  const field = fieldOf(schema);
  const inner = below(field, value, collapse);
  if (field.kind !== "group" || !isObject(inner)) return inner;
  const kept = Object.entries(inner).filter(([key, one]) => !isEmptied(field.schema, key, one));
  const [only] = kept;
  return kept.length === 1 && only?.[0] === field.short ? only[1] : inOrder(field.schema, kept);
};

/** The usual keys first; the others stay in the order that they have. */
function inOrder(group: Schema, entries: [string, Json][]): JsonObject {
  const usual = USUAL[group.title ?? ""] ?? [];
  const placeOf = (key: string) => (usual.includes(key) ? usual.indexOf(key) : usual.length);
  return Object.fromEntries(entries.toSorted(([one], [other]) => placeOf(one) - placeOf(other)));
}

/** Whether a group or list is there only because something in it was filled in once. */
function isEmptied(group: Schema, key: string, value: Json): boolean {
  const schema = group.properties?.[key];
  if (schema === undefined || required(group, key)) return false;
  const field = fieldOf(schema);
  if (isObject(value) && Object.keys(value).length === 0) return !(field.kind === "group" && field.optional);
  return (
    Array.isArray(value) && value.length === 0 && (field.kind === "list" || equal(defaultOf(schema), []))
  );
}

export const toForm = (spec: Json): JsonObject => asObject(expand(rootOf(spec), spec));

/** Returns what is sent and shown as YAML. */
export const toSpec = (form: Json): JsonObject => asObject(collapse(rootOf(form), form));

/** Returns a spec that was recorded in full without what says nothing: nulls and defaults. */
export const withoutDefaults = (spec: Json): JsonObject =>
  asObject(collapse(rootOf(spec), bare(rootOf(spec), spec)));

const bare: Step = (schema, value) => {
  const field = fieldOf(schema);
  const inner = below(field, value, bare);
  if (field.kind !== "group" || !isObject(inner)) return inner;
  return Object.fromEntries(
    Object.entries(inner).filter(([key, one]) => {
      const known = field.schema.properties?.[key];
      if (known === undefined) return true;
      return one !== null && (required(field.schema, key) || !equal(one, valueLeftOut(known)));
    }),
  );
};

function valueLeftOut(schema: Schema): Json | undefined {
  const own = schema.default ?? resolved(schema).default;
  return own === undefined || own === null ? undefined : bare(schema, own);
}

const asObject = (value: Json): JsonObject => (isObject(value) ? value : {});
