/** Which experiments are picked to be compared; the address holds them. */

/** A comparison shows no more than this. */
export const MOST = 6;

export const readPicks = (ids: string | undefined): string[] =>
  ids?.split(",").filter(Boolean).slice(0, MOST) ?? [];

/** Returns the picks with one more or one less; there is no room for a seventh. */
export function toggled(picks: readonly string[], id: string): string[] {
  if (picks.includes(id)) return picks.filter((one) => one !== id);
  return picks.length < MOST ? [...picks, id] : [...picks];
}
