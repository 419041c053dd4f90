/** The numbers of the health strip. */
import type { Schemas } from "@/api/client";
import { count, duration } from "@/format/numbers";
import { ago } from "@/format/times";
import type { Figure } from "@/parts/Figures";

export type Vitals = Schemas["Vitals"];

/** A store that answers slower than this is felt by every page. */
const SLOW_STORE_MS = 50;
/** A driver's heart beats every few seconds. */
const SILENT_S = 30;

/** A decimal where one matters. */
const pace = (perMinute: number | null): string =>
  perMinute === null || perMinute >= 100 ? count(perMinute) : perMinute.toFixed(1);

/** The strip's numbers; `now` in milliseconds since the epoch. */
export function figuresOf(vitals: Vitals, now: number): Figure[] {
  const infeasible = vitals.infeasible_reasons.reduce((sum, one) => sum + one.count, 0);
  const beat = vitals.driver_heartbeat_at;
  const silent = beat !== null && (now - Date.parse(beat)) / 1000 > SILENT_S;
  const slow = vitals.store_ms > SLOW_STORE_MS;
  return [
    { name: "Running", value: count(vitals.running), note: "evaluations" },
    { name: "Waiting", value: count(vitals.waiting), note: "candidates" },
    {
      name: "Pace",
      value: pace(vitals.candidates_per_minute),
      note: "candidates per minute",
    },
    {
      name: "Lost",
      value: count(vitals.lost),
      note: "attempts",
      ...(vitals.lost > 0 ? { tone: "warn" } : {}),
    },
    {
      name: "Infeasible",
      value: count(infeasible),
      note: "of the latest 2 000",
      ...(infeasible > 0 ? { tone: "warn" } : {}),
    },
    {
      name: "Driver",
      value: beat === null ? "none" : ago(beat, now),
      note: beat === null ? "nothing drives it" : silent ? "its heart has stopped" : "last heartbeat",
      ...(silent ? { tone: "bad" } : {}),
    },
    {
      name: "Store",
      value: duration(vitals.store_ms / 1000),
      note: slow ? "slow to answer" : "to answer",
      ...(slow ? { tone: "warn" } : {}),
    },
  ];
}
