/** How far an experiment is, and what it does now. */
import type { Schemas } from "@/api/client";
import { isFinal } from "@/live/useLive";

type Detail = Schemas["ExperimentDetail"];

export interface Limit {
  unit: string;
  limit: number;
  /** Null where the record does not say how many items a pass has. */
  used: number | null;
}

/** What a driver recorded that it decided; the parts that say how far it is. */
export type Decisions = ReadonlySet<string>;

const UNITS = {
  evaluations: "evaluations",
  items: "scored items",
  generated_tokens: "generated tokens",
  hours: "hours",
} as const;

/** Search items of one pass over all of them. */
export function searchItems(detail: Pick<Detail, "spec" | "resolved">): number | null {
  const box = detail.spec.blackbox as { items?: number | unknown[] } | undefined;
  if (box !== undefined) return Array.isArray(box.items) ? box.items.length : (box.items ?? 1);
  const tasks = Object.values(
    (detail.resolved.tasks ?? {}) as Record<string, { items?: { search?: number } }>,
  );
  const counts = tasks.map((task) => task.items?.search);
  return counts.length === 0 || counts.includes(undefined)
    ? null
    : (counts as number[]).reduce((sum, one) => sum + one, 0);
}

/** Every limit of the budget and how much of it is used, the nearest first. */
export function limits(detail: Detail): Limit[] {
  const { progress } = detail;
  const pass = searchItems(detail);
  const used: Record<keyof typeof UNITS, number | null> = {
    evaluations: pass === null ? null : progress.search_items / pass,
    items: progress.search_items,
    generated_tokens: progress.generated_tokens,
    hours: detail.seconds_spent / 3600,
  };
  return (Object.keys(UNITS) as (keyof typeof UNITS)[])
    .filter((unit) => typeof detail.budget[unit] === "number")
    .map((unit) => ({ unit: UNITS[unit], limit: detail.budget[unit] as number, used: used[unit] }))
    .sort((a, b) => (b.used ?? 0) / b.limit - (a.used ?? 0) / a.limit);
}

export const searchIsOver = (decisions: Decisions): boolean => decisions.has("finalists");

/** What is happening now, in a sentence; null once nothing happens any more. */
export function happening(detail: Detail, decisions: Decisions): string | null {
  if (isFinal(detail.state)) return null;
  if (detail.wanted === "cancel") return "It ends as soon as its driver hears of it.";
  if (detail.state === "created") return "It waits for room: it starts when workers are free.";
  if (detail.state === "paused")
    return detail.wanted === "run"
      ? "It goes on as soon as workers are free."
      : "It is paused. Nothing is lost; resuming goes on where it stopped.";
  if (detail.state === "interrupted")
    return detail.wanted === "run"
      ? "It was interrupted. Another driver takes over in a moment; nothing that was finished is scored again."
      : "It was interrupted. Resume it to go on where it stopped; nothing that was finished is scored again.";
  if (detail.wanted === "pause") return "It stops as soon as that loses nothing.";
  if (decisions.has("winner"))
    return "The winner is chosen. It and its parents are scored on the untouched test items.";
  if (decisions.has("finalists")) return "The search is over. The finalists race on the selection items.";
  if (decisions.has("search")) return "The search proposes candidates and scores them on the search items.";
  return "The base, the experts and plain merges are scored first: they are what the search has to beat.";
}
