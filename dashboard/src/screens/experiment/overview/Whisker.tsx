import { score as shown } from "@/format/numbers";
import type { Interval } from "./report";
import styles from "./Whisker.module.css";

interface Scale {
  low: number;
  high: number;
}

const at = (value: number, { low, high }: Scale): string =>
  `${Math.min(Math.max(((value - low) / (high - low)) * 100, 0), 100).toFixed(2)}%`;

interface Props {
  score: Interval;
  scale: Scale;
  /** Told apart by its shape: a filled dot, a ring, a square. */
  mark: "merge" | "parent" | "plain";
}

/** A score and its interval on a scale that the rows of a table share; the numbers stand beside it. */
export function Whisker({ score, scale, mark }: Props) {
  const x = at(score.mean, scale);
  return (
    <svg className={styles.whisker} aria-hidden="true" data-mark={mark}>
      <line x1="0" x2="100%" y1="50%" y2="50%" className={styles.rail} />
      <line x1={at(score.low, scale)} x2={at(score.high, scale)} y1="50%" y2="50%" className={styles.span} />
      {mark === "plain" ? <rect x={x} y="50%" width="10" height="10" /> : <circle cx={x} cy="50%" r="5.5" />}
    </svg>
  );
}

/** The ends of the scale, as the head of its column. */
export function Ruler({ scale }: { scale: Scale }) {
  return (
    <span className={styles.ruler}>
      <span className="visually-hidden">Scale from </span>
      <span>{shown(scale.low).replace(/00$/, "")}</span>
      <span className="visually-hidden"> to </span>
      <span>{shown(scale.high).replace(/00$/, "")}</span>
    </span>
  );
}
