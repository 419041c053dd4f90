import type { ReactNode } from "react";
import styles from "./fields.module.css";

/** What an input needs to be found, read out, and marked as wrong. */
export interface ControlProps {
  id: string;
  "aria-describedby": string;
  "aria-invalid": boolean;
}

interface Props {
  id: string;
  label: string;
  required?: boolean;
  help?: ReactNode;
  problems?: readonly string[];
  /** A switch stands before its label. */
  inline?: boolean;
  /** Needs little room: two of them stand side by side on a phone. */
  short?: boolean;
  children: (control: ControlProps) => ReactNode;
}

/** A labelled input with what it means and what is wrong with it. */
export function Row({
  id,
  label,
  required,
  help,
  problems = [],
  inline = false,
  short = false,
  children,
}: Props) {
  const control = {
    id,
    "aria-describedby": `${id}-help ${id}-problems`,
    "aria-invalid": problems.length > 0,
  };
  return (
    <div className={inline ? `${styles.row} ${styles.inline}` : styles.row} data-short={short}>
      <label htmlFor={id}>
        {label}
        {required ? <span className={styles.required}> required</span> : null}
      </label>
      {children(control)}
      <Problems id={`${id}-problems`} problems={problems} />
      {help ? (
        <p id={`${id}-help`} className={styles.help}>
          {help}
        </p>
      ) : null}
    </div>
  );
}

export function Problems({ id, problems }: { id: string; problems: readonly string[] }) {
  return (
    <div id={id} className={styles.problems} hidden={problems.length === 0}>
      {[...new Set(problems)].map((one) => (
        <p key={one}>
          <span aria-hidden="true">✕ </span>
          {one}
        </p>
      ))}
    </div>
  );
}
