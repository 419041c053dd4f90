/** How candidates are called. */
import type { Schemas } from "@/api/client";

export const KIND_WORDS: Record<Schemas["CandidateKind"], string> = {
  baseline: "parent or plain merge",
  search: "searched",
  mean: "mean of the search",
  injected: "proposed by a person",
};

/** A candidate's label, or its number where it has none. */
export const nameOf = ({ number, label }: { number: number; label: string }): string =>
  label || `candidate ${number}`;
