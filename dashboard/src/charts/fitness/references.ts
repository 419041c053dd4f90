/** What the search has to beat, and where the axis begins if some of it lies far below everything else. */
import type { Schemas } from "@/api/client";
import { tick } from "@/format/numbers";

type Role = Schemas["RoleView"];
type Series = Schemas["Series"];

/** What the search is measured against: the parents and plain merges that are best, so that labels stay apart. */
export function references(models: readonly Role[]): readonly Role[] {
  const best = (roles: readonly Role["role"][], most: number) =>
    models
      .filter((one) => one.fitness !== null && roles.includes(one.role))
      .sort((a, b) => (b.fitness as number) - (a.fitness as number))
      .slice(0, most);
  return [...best(["base"], 1), ...best(["expert"], 3), ...best(["baseline"], 2)];
}

/** How many times the height of the candidates what lies far below them may take before it is left off the axis. */
const FAR = 2.5;

const lowestOf = (series: Series, models: readonly Role[]): number =>
  Math.min(
    ...series.low.flatMap((value) => (value === null ? [] : [value])),
    ...references(models).map((one) => one.fitness as number),
  );

/** Where the axis begins, if parents or a few candidates lie so far below the others that these would be a line. */
export function floorOf(series: Series, models: readonly Role[]): number | null {
  const usual = (series.q10 ?? []).flatMap((value) => (value === null ? [] : [value])).sort((a, b) => a - b);
  const low = usual[Math.floor(usual.length / 20)];
  const best = series.best.at(-1) ?? null;
  if (low === undefined || best === null || best <= low) return null;
  const height = (best - low) * 1.15;
  if (best - lowestOf(series, models) <= FAR * height) return null;
  const step = 10 ** Math.floor(Math.log10(height));
  return Number((Math.floor((best - height) / step) * step).toPrecision(6));
}

export function beneath(floor: number | null, series: Series, models: readonly Role[]): string {
  if (floor === null) return "";
  const names = references(models)
    .filter((one) => (one.fitness as number) < floor)
    .map((one) => one.label);
  if (series.low.some((value) => value !== null && value < floor)) names.push("some candidates");
  return ` The axis begins at ${tick(floor)}; below it ${names.length > 1 ? "are" : "is"} ${names.join(", ").replace(/, ([^,]*)$/, " and $1")}.`;
}
