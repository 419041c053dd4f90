/** A merge section of a spec that uses a method, to copy and change. */
import type { Schemas } from "@/api/client";

type Method = Schemas["MethodView"];

/** Searched parameters with their own ranges, and the options that must name a file. */
export function mergeSection(method: Method): string {
  const searched = method.parameters.filter((one) => one.searched);
  const files = method.options.filter((one) => one.path);
  return [
    "merge:",
    `  method: ${method.name}`,
    `  granularity: ${searched.some((one) => one.granular) ? "group:6" : "global"}`,
    ...(searched.length > 0 ? ["  parameters:"] : []),
    ...searched.map((one) => `    ${one.name}: {range: [${one.low}, ${one.high}]}`),
    ...(files.length > 0 ? ["  options:"] : []),
    ...files.map((one) => `    ${one.name}: ${one.name}.jsonl`),
    "",
  ].join("\n");
}
