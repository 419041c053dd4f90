import type { Schemas } from "@/api/client";
import { count } from "@/format/numbers";
import { exact } from "@/format/times";
import { CandidateLink } from "../candidates/CandidateLink";
import styles from "./Entry.module.css";
import { candidateOf, sentenceOf } from "./sentences";

/** A shape and a word for each kind, so that the eye finds it. */
const LOOKS: Record<Schemas["EventKind"], readonly [string, string]> = {
  state: ["◆", "state"],
  control: ["☞", "by hand"],
  decision: ["⚑", "decision"],
  export: ["⤓", "export"],
  ask: ["○", "proposal"],
  start: ["▷", "start"],
  tell: ["●", "score"],
  measure: ["◉", "score"],
  infeasible: ["✕", "infeasible"],
  lost: ["⚡", "lost"],
};

/** One entry of the log. */
export function Entry({ event }: { event: Schemas["EventView"] }) {
  const number = candidateOf(event);
  const [sign, word] = LOOKS[event.kind];
  return (
    <tr>
      <td className={styles.seq}>{count(event.seq)}</td>
      <td className={styles.when}>
        <time dateTime={event.at}>{exact(event.at)}</time>
      </td>
      <td className={styles.kind} data-kind={event.kind}>
        <span aria-hidden="true">{sign}</span> <span className={styles.word}>{word}</span>
      </td>
      <td className={styles.what}>
        {sentenceOf(event)}
        <details>
          <summary>
            Entry<span className="visually-hidden"> {event.seq} as it is recorded</span>
          </summary>
          <pre>{JSON.stringify(event.payload, null, 2)}</pre>
        </details>
      </td>
      <td className={styles.candidate}>{number === null ? null : <CandidateLink number={number} />}</td>
    </tr>
  );
}
