/** What the catalogs of methods and algorithms say of a spec's switches. */
import type { Schemas } from "@/api/client";
import { getAt, type Json, type JsonObject } from "./paths";

/** A switch of a method or algorithm. `left`: what holds where it is left out. */
export interface KnownValue {
  name: string;
  doc: string;
  kind: "switch" | "number" | "text";
  choices: readonly Json[] | null;
  left: Json | undefined;
}

/** The methods that a spec names, as far as the server knows them. */
export function methodsIn(
  spec: JsonObject,
  known: readonly Schemas["MethodView"][],
): Schemas["MethodView"][] {
  const several = getAt(spec, ["merge", "methods"]);
  const names = Array.isArray(several) ? several : [getAt(spec, ["merge", "method"])];
  return known.filter((method) => names.includes(method.name));
}

/** The catalog says in words what kind an option is: "a whole number", "true or false", "'a' or 'b'". */
export function algorithmValue({ name, doc, kind, default: left }: Schemas["AlgorithmOption"]): KnownValue {
  const quoted = [...kind.matchAll(/'([^']*)'/g)].map(([, one = ""]) => one);
  const choices = kind === "true or false" ? [true, false] : quoted.length > 0 ? quoted : null;
  return { name, doc, choices, left: left ?? undefined, kind: kind.includes("number") ? "number" : "text" };
}

/** A docstring as a sentence of the page. */
export const sentence = (doc: string): string =>
  (doc.charAt(0).toUpperCase() + doc.slice(1)).replaceAll("`", "");
