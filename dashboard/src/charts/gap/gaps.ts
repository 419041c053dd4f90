/** What is left of search scores on items that were not searched on. */
import type { Schemas } from "@/api/client";

export type Generalisation = Schemas["Generalisation"];
export type Candidate = Schemas["GeneralisationView"];
export type HeldOut = "selection" | "test";

/** The split to compare with: the test items once anybody was scored on them. */
export const bestHeldOut = (data: Generalisation): HeldOut =>
  data.candidates.some((one) => one.test !== null) ? "test" : "selection";

/** A candidate with a score on both splits. */
export interface Gap {
  candidate: Candidate;
  search: Schemas["Scored"];
  held: Schemas["Scored"];
  /** Search minus held-out score. */
  gap: number;
  /** Half of the difference's 95 % interval: the splits share no items, so their errors add up in squares. */
  margin: number;
  /** Whether the search score is too good by more than the items' noise. */
  alert: boolean;
}

export function gapsOf(data: Generalisation, split: HeldOut): Gap[] {
  return data.candidates.flatMap((candidate) => {
    const { search } = candidate;
    const held = candidate[split];
    if (search === null || held === null) return [];
    const gap = search.mean - held.mean;
    const margin = Math.hypot((search.high - search.low) / 2, (held.high - held.low) / 2);
    return [{ candidate, search, held, gap, margin, alert: gap > margin }];
  });
}

/** Why nothing can be drawn of a split; null where something can. */
export function noGaps(data: Generalisation, split: HeldOut): string | null {
  if (data.reason !== null && data.reason !== undefined) return data.reason;
  if (gapsOf(data, split).length > 0) return null;
  return split === "test"
    ? "Nobody was scored on the test items yet: that happens once, at the end of the search."
    : "Nobody was scored on the selection items yet: the finalists are, after the search.";
}

export const nameOf = (candidate: Candidate): string => candidate.label || `candidate ${candidate.number}`;
