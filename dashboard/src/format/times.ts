/** Moments: how long ago, and exactly where the pointer rests. */
import { duration } from "./numbers";

export function ago(moment: string | number | Date, now = Date.now()): string {
  const seconds = (now - new Date(moment).getTime()) / 1000;
  if (seconds < 1.5) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  const [largest = ""] = duration(seconds).match(/^\d+ \w+/) ?? [];
  return `${largest} ago`;
}

const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** A moment in the reader's own time zone. */
export const exact = (moment: string | number | Date): string => EXACT.format(new Date(moment));
