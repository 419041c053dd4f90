/** Places in a spec, as the server names them: `tasks[0].metric`. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Path = readonly (string | number)[];

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function parsePath(text: string): Path {
  return [...text.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([part, index]) =>
    index === undefined ? part : Number(index),
  );
}

export function formatPath(path: Path): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
}

export function getAt(root: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(
    (value, part) =>
      typeof part === "number"
        ? Array.isArray(value)
          ? value[part]
          : undefined
        : isObject(value)
          ? value[part]
          : undefined,
    root,
  );
}

/** Returns a copy with `value` at a place; undefined takes what is there away. */
export function setAt(root: Json | undefined, path: Path, value: Json | undefined): Json | undefined {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  const changed = setAt(getAt(root, [head]), rest, value);
  if (typeof head === "number") {
    const list = Array.isArray(root) ? root : [];
    return changed === undefined
      ? list.filter((_, index) => index !== head)
      : head < list.length
        ? list.with(head, changed)
        : [...list, changed];
  }
  const { [head]: _, ...others } = isObject(root) ? root : {};
  if (changed === undefined) return others;
  // A key that is there keeps its place, so that the YAML does not jump around.
  return isObject(root) && head in root ? { ...root, [head]: changed } : { ...others, [head]: changed };
}

/** Returns a copy with a key under another name, at its place. */
export const renameKey = (map: JsonObject, from: string, to: string): JsonObject =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key === from ? to : key, value]));

export function equal(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, index) => equal(value, other[index]));
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return keys.length === Object.keys(other).length && keys.every((key) => equal(one[key], other[key]));
  }
  return one === other;
}
