import styles from "./StateBadge.module.css";

/** A shape beside the word, so that no state is told by its colour alone. */
const SIGNS: Record<string, string> = {
  created: "○",
  asked: "○",
  pending: "○",
  running: "▶",
  paused: "⏸",
  interrupted: "⚡",
  finished: "✓",
  ready: "✓",
  scored: "✓",
  done: "✓",
  failed: "✕",
  infeasible: "✕",
  cancelled: "■",
  lost: "⚡",
};

export function StateBadge({ state }: { state: string }) {
  return (
    <span className={`${styles.badge} ${styles[state] ?? ""}`}>
      <span aria-hidden="true">{SIGNS[state] ?? "○"}</span>
      {state}
    </span>
  );
}
