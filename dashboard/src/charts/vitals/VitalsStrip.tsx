import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { count, duration } from "@/format/numbers";
import { ago } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { type Figure, Figures } from "@/parts/Figures";
import styles from "./VitalsStrip.module.css";

type Vitals = Schemas["Vitals"];

/** A store that answers slower than this is felt by every page. */
const SLOW_STORE_MS = 50;
/** A driver's heart beats every few seconds. */
const SILENT_S = 30;

/** Is anything wrong now? */
export function VitalsStrip({ experiment }: { experiment: string }) {
  const vitals = useQuery(partQuery(experiment, "vitals"));
  return (
    <Card
      id="vitals"
      title="Health"
      reading="What runs, what waits, and what went wrong. Lost evaluations are done again; infeasible candidates are left out."
    >
      <Answer query={vitals} what="the health of the experiment">
        {(data) => <Shown experiment={experiment} vitals={data} />}
      </Answer>
    </Card>
  );
}

function Shown({ experiment, vitals }: { experiment: string; vitals: Vitals }) {
  return (
    <div className={styles.strip}>
      {vitals.warnings.length > 0 ? (
        <ul className={styles.warnings}>
          {vitals.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      ) : null}
      <Figures figures={figuresOf(vitals, Date.now())} />
      {vitals.lost_reasons.length > 0 ? (
        <Reasons title="Why evaluations were lost">
          {vitals.lost_reasons.map(({ reason, count: times }) => (
            <li key={reason}>
              <b>{count(times)} ×</b> {reason}
            </li>
          ))}
        </Reasons>
      ) : null}
      {vitals.infeasible_reasons.length > 0 ? (
        <Reasons title="Why candidates are infeasible">
          {vitals.infeasible_reasons.map(({ reason, count: times, number }) => (
            <li key={reason}>
              <b>{count(times)} ×</b> {reason}, such as{" "}
              <Link
                to="/experiments/$id/candidates/$number"
                params={{ id: experiment, number: String(number) }}
              >
                candidate {number}
              </Link>
            </li>
          ))}
        </Reasons>
      ) : null}
    </div>
  );
}

function Reasons({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <details className={styles.reasons}>
      <summary>{title}</summary>
      <ul>{children}</ul>
    </details>
  );
}

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
      value: vitals.candidates_per_minute === null ? "–" : vitals.candidates_per_minute.toFixed(1),
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
