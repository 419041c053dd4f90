import type { ReactNode } from "react";
import styles from "./Figures.module.css";

export interface Figure {
  name: string;
  value: ReactNode;
  /** Its interval, unit or what it was counted on. */
  note?: ReactNode;
  /** "bad" and "warn" stand beside a sentence that says why. */
  tone?: "good" | "warn" | "bad";
}

/** A few numbers that matter, side by side. */
export function Figures({ figures }: { figures: readonly Figure[] }) {
  return (
    <dl className={styles.figures}>
      {figures.map(({ name, value, note, tone }) => (
        <div key={name} data-tone={tone}>
          <dt>{name}</dt>
          <dd className={styles.value}>{value}</dd>
          {note ? <dd className={styles.note}>{note}</dd> : null}
        </div>
      ))}
    </dl>
  );
}
