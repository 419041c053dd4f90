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

/** The name as a heading, with the number where the name does not say it. */
export function titleOf({ number, label }: { number: number; label: string }): string {
  const plain = `candidate ${number}`;
  return label === "" || label === plain ? `Candidate ${number}` : `${label} (${plain})`;
}
