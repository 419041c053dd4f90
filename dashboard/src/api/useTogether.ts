import { useState } from "react";

/**
 * Data that comes from several answers: it changes once all that were asked for are there, so that a plot is drawn once
 * and not once for each. The first data is given at once.
 */
export function useTogether<T>(latest: T | undefined, busy: boolean): T | undefined {
  const [kept, keep] = useState(latest);
  if (kept !== latest && (!busy || kept === undefined)) {
    keep(() => latest);
    return latest;
  }
  return kept;
}
