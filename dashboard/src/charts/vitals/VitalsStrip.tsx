import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { partQuery } from "@/api/queries";
import { count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { Figures } from "@/parts/Figures";
import { figuresOf, type Vitals } from "./figures";
import styles from "./VitalsStrip.module.css";

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
