/** The parameters of the chosen merge methods, and the ways in which one is chosen. */
import type { Schemas } from "@/api/client";
import { plain } from "@/format/numbers";
import { isObject, type Json } from "./paths";

export type Parameter = Schemas["ParameterView"];
/** `left`: as the method has it, when the spec does not name it. */
export type Mode = "left" | "own" | "range" | "fixed";

/** Returns the parameters of methods, each once, in the range that all of them have. */
export function parametersOf(methods: readonly Schemas["MethodView"][]): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const parameter of methods.flatMap((method) => method.parameters)) {
    const other = found.get(parameter.name);
    found.set(
      parameter.name,
      other === undefined
        ? parameter
        : {
            ...other,
            low: Math.max(other.low, parameter.low),
            high: Math.min(other.high, parameter.high),
            searched: other.searched || parameter.searched,
          },
    );
  }
  return [...found.values()];
}

export function modeOf(value: Json | undefined): Mode {
  if (value === undefined) return "left";
  if (!isObject(value)) return "fixed";
  return "fixed" in value ? "fixed" : "range" in value ? "range" : "own";
}

/** The ways that differ for a parameter: a searched one is left and searched in its own range alike. */
export function modesOf(parameter: Parameter): readonly (readonly [Mode, string])[] {
  const own = `Search ${plain(parameter.low)} to ${plain(parameter.high)}`;
  return [
    ...(parameter.searched
      ? [["left", `${own} (default)`] as const]
      : [["left", `Stay at ${plain(parameter.default)} (default)`] as const, ["own", own] as const]),
    ["range", "Search another range"],
    ["fixed", "Fix at a value"],
  ];
}

/** Returns what the spec says of a parameter in another mode; settings that still mean something stay. */
export function withMode(value: Json | undefined, mode: Mode, parameter: Parameter): Json | undefined {
  if (mode === "left") return undefined;
  const { fixed, range, ...others } = isObject(value) ? value : {};
  if (mode === "fixed")
    return {
      ...("models" in others ? { models: others.models as Json } : {}),
      fixed: fixed ?? parameter.default,
    };
  return mode === "own" ? others : { range: range ?? [parameter.low, parameter.high], ...others };
}

/** A searched parameter with settings but no range of its own is shown as left. */
export function shownMode(value: Json | undefined, parameter: Parameter): Mode {
  const mode = modeOf(value);
  return mode === "own" && parameter.searched ? "left" : mode;
}
