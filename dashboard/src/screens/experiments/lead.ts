/** How an experiment's best candidate stands against its best parent, in a few words. */
import type { Schemas } from "@/api/client";
import { difference, interval, score } from "@/format/numbers";

/** `even`: the difference's 95 % interval holds zero. */
export type Lead = "ahead" | "even" | "behind";

export interface Standing {
  lead: Lead;
  sign: string;
  words: string;
  /** The best minus the best parent. */
  difference: string;
  interval: string;
  /** Both scores. */
  scores: string;
}

const WORDS: Record<Lead, readonly [string, string]> = {
  ahead: ["▲", "better than the best parent"],
  even: ["≈", "not clearly better than the best parent"],
  behind: ["▼", "worse than the best parent"],
};

export function standingOf(headline: Schemas["Headline"] | null | undefined): Standing | null {
  if (headline?.best == null || headline.best_parent === null) return null;
  const {
    best,
    best_parent: parent,
    difference: gain,
    difference_low: low,
    difference_high: high,
  } = headline;
  if (gain === null || low === null || high === null) return null;
  const lead: Lead = low > 0 ? "ahead" : high < 0 ? "behind" : "even";
  const [sign, words] = WORDS[lead];
  return {
    lead,
    sign,
    words,
    difference: difference(gain),
    interval: interval(low, high, difference),
    scores: `${score(best.mean)} against ${score(parent.mean)} (${parent.label})`,
  };
}
