/** Whom a candidate is compared with. */
import type { Schemas } from "@/api/client";

type Role = Schemas["RoleView"];

/** The API compares with so many others at once. */
export const MOST = 4;

const PARENTS: readonly Role["role"][] = ["base", "expert"];

/** Reads a list of numbers from the address; null where there is none, so that the usual ones are taken. */
export function parse(against: string | undefined, number: number): number[] | null {
  if (against === undefined) return null;
  const found = against.split(",").flatMap((one) => (/^\d{1,9}$/.test(one) ? [Number(one)] : []));
  return [...new Set(found)].filter((one) => one !== number).slice(0, MOST);
}

/** The incumbent and the best parents, without the candidate itself. */
export function usual(models: readonly Role[], number: number): number[] {
  const best = models.filter((one) => one.role === "merge").slice(0, 1);
  const parents = models
    .filter((one) => PARENTS.includes(one.role) && one.fitness !== null)
    .sort((a, b) => (b.fitness as number) - (a.fitness as number));
  const chosen = [...best, ...parents].map((one) => one.number);
  return [...new Set(chosen)].filter((one) => one !== number).slice(0, 3);
}
