/** The five states that data can be in besides shown: loading, empty, failed, stale, and more than can be shown. */
import type { ReactNode } from "react";
import { Problem } from "@/api/problem";
import { count } from "@/format/numbers";
import { ago } from "@/format/times";
import { Button } from "./Button";
import styles from "./states.module.css";

export function Loading({ what }: { what: string }) {
  return (
    <div className={styles.state} role="status">
      <div className={styles.bars} aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      Loading {what}…
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.state}>
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function ErrorNotice({ error, retry }: { error: Error; retry?: () => void }) {
  const problem = error instanceof Problem ? error : null;
  const title = problem?.unreachable ? "The server cannot be reached" : "This did not work";
  return (
    <div className={`${styles.state} ${styles.error}`} role="alert">
      <strong>{title}</strong>
      <p>
        {problem?.field ? <code>{problem.field}: </code> : null}
        {error.message}
        {problem?.fix ? `. To fix it: ${problem.fix}.` : null}
      </p>
      {problem?.fields.map((one) => (
        <p key={one.field}>
          <code>{one.field}</code>: {one.problem}
        </p>
      ))}
      {problem?.requestId ? <code>request {problem.requestId}</code> : null}
      {retry ? <Button onClick={retry}>Try again</Button> : null}
    </div>
  );
}

/** Says that what is shown is older than it looks. */
export function StaleNote({ since }: { since: number }) {
  return (
    <p className={styles.note} role="status">
      Shown as it was {ago(since)}; the server cannot be reached.
    </p>
  );
}

/** Says that not everything is shown. */
export function SampledNote({ shown, total, what }: { shown: number; total: number; what: string }) {
  if (shown >= total) return null;
  return (
    <p className={styles.note}>
      Showing {count(shown)} of {count(total)} {what}, evenly chosen.
    </p>
  );
}
