/** Short names of models. */

/** Returns a name that a spec may call a model by: its last part, and a number where that one is taken. */
export function shortName(model: string, taken: readonly string[]): string {
  const last =
    model
      .replace(/@[^@]*$/, "")
      .split("/")
      .filter(Boolean)
      .at(-1) ?? "";
  const name = last.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 56) || "model";
  if (!taken.includes(name)) return name;
  let number = 2;
  while (taken.includes(`${name}-${number}`)) number++;
  return `${name}-${number}`;
}
