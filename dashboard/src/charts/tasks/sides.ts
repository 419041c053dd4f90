/** Which candidate is compared with which, and on which items, where the address does not say. */
import type { Schemas } from "@/api/client";

type Role = Schemas["RoleView"];
type Split = Schemas["Split"];

/** From the items that are least flattering to the search to those that it was fitted to. */
export const SPLITS: readonly Split[] = ["test", "selection", "search"];

export interface Sides {
  model: Role;
  against: Role;
  split: Split;
  /** Splits that both were scored on. */
  splits: readonly Split[];
  /** What can be chosen on either side. */
  models: readonly Role[];
  rivals: readonly Role[];
}

interface Asked {
  number?: string | undefined;
  against?: string | undefined;
  split?: string | undefined;
}

const isParent = ({ role }: Role): boolean => role === "base" || role === "expert";

/** The two sides: by default the winner or best so far, against the best parent on the same items; or why not. */
export function sidesOf(found: readonly Role[], asked: Asked): Sides | string {
  const scored = found.filter((one) => Object.keys(one.splits).length > 0);
  const models = scored.filter((one) => !isParent(one));
  const model =
    models.find((one) => String(one.number) === asked.number) ??
    models.find((one) => one.role === "merge") ??
    models.find((one) => one.role === "mean");
  if (model === undefined) return "No merge of the search has been scored yet.";
  const rivals = scored.filter((one) => one.number !== model.number && sharedSplits(model, one).length > 0);
  if (!rivals.some(isParent) && asked.against === undefined)
    return "No parent has been scored on the same items yet.";
  const known = SPLITS.filter((split) =>
    rivals.some((one) => isParent(one) && sharedSplits(model, one).includes(split)),
  );
  const preferred = known.find((split) => split === asked.split) ?? known[0] ?? "search";
  const against =
    rivals.find((one) => String(one.number) === asked.against) ?? bestOn(preferred, rivals.filter(isParent));
  if (against === undefined) return "No parent has been scored on the same items yet.";
  const splits = sharedSplits(model, against);
  return {
    model,
    against,
    splits,
    models,
    rivals,
    split: splits.includes(preferred) ? preferred : (splits[0] as Split),
  };
}

const sharedSplits = (a: Role, b: Role): Split[] =>
  SPLITS.filter((split) => split in a.splits && split in b.splits);

const bestOn = (split: Split, models: readonly Role[]): Role | undefined =>
  models
    .filter((one) => split in one.splits)
    .reduce<Role | undefined>(
      (best, one) =>
        (one.splits[split]?.mean ?? 0) > (best?.splits[split]?.mean ?? Number.NEGATIVE_INFINITY) ? one : best,
      undefined,
    );

const ROLES = {
  base: "base",
  expert: "parent",
  baseline: "plain merge",
  mean: "center",
  injected: "injected",
  merge: "merge",
};

/** How a side is called. */
export const nameOf = ({ label, role, number }: Role): string =>
  label || (role === "merge" ? `candidate ${number}` : `${ROLES[role]} ${number}`);

/** How a side is offered for choice. */
export const titleOf = (one: Role): string => (one.label ? `${one.label} (${ROLES[one.role]})` : nameOf(one));
