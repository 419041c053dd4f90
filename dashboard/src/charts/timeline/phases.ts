/** What workers did, in the order in which they do it, and what that is called. */
export const PHASES: readonly (readonly [phase: string, name: string])[] = [
  ["apply", "merging"],
  ["write", "writing weights"],
  ["repack", "repacking weights"],
  ["reset", "emptying caches"],
  ["score", "scoring"],
];

export const phaseName = (phase: string): string => PHASES.find(([one]) => one === phase)?.[1] ?? phase;

/** Known phases in their order, then whatever else was measured. */
export function ordered(phases: readonly string[]): string[] {
  const place = (phase: string) => {
    const found = PHASES.findIndex(([one]) => one === phase);
    return found === -1 ? PHASES.length : found;
  };
  return [...phases].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}
