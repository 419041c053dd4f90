/** A merge section of a spec that uses a method, to copy and change. */
import type { Schemas } from "@/api/client";

type Method = Schemas["MethodView"];

/** Searched parameters with their own ranges, and the options that have no default to stand on. */
export function mergeSection(method: Method): object {
  const searched = method.parameters.filter((one) => one.searched);
  const files = method.options.filter((one) => one.path);
  return {
    merge: {
      method: method.name,
      granularity: method.parameters.some((one) => one.searched && one.granular) ? "group:6" : "global",
      ...(searched.length > 0
        ? {
            parameters: Object.fromEntries(searched.map((one) => [one.name, { range: [one.low, one.high] }])),
          }
        : {}),
      ...(files.length > 0
        ? { options: Object.fromEntries(files.map((one) => [one.name, `${one.name}.jsonl`])) }
        : {}),
    },
  };
}
