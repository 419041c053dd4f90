import { useState } from "react";
import type { Schemas } from "@/api/client";
import styles from "./actions.module.css";
import { changes } from "./changes";

interface Props {
  experiment: Schemas["ExperimentDetail"];
  sentences: readonly string[];
}

/** What follows from an action, and what has changed since its dialog was opened. */
export function Consequences({ experiment, sentences }: Props) {
  const [seen] = useState(experiment);
  const changed = changes(seen, experiment);
  return (
    <>
      {changed.length > 0 ? (
        <p className={styles.changed} role="status">
          It has changed since you opened this: {changed.join("; ")}. The numbers below are the present ones.
        </p>
      ) : null}
      {sentences
        .filter((one) => one !== "")
        .map((one) => (
          <p key={one}>{one}</p>
        ))}
    </>
  );
}
