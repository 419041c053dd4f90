import { useEffect, useState } from "react";
import { snapshot } from "@/api/snapshot";
import { ago, exact } from "@/format/times";
import styles from "./ConnectionState.module.css";
import { useLive } from "./useLive";

const WORDS = {
  connecting: "connecting",
  live: "live",
  waiting: "connection lost, trying again",
  paused: "paused while hidden",
  ended: "complete",
} as const;

/** Whether the page is live, and how old what it shows is. */
export function ConnectionState() {
  const { connection, freshAt } = useLive();
  const now = useNow(connection === "ended" ? null : 1_000);
  if (snapshot !== null) return <span className={styles.state}>exported {exact(snapshot.taken_at)}</span>;
  return (
    <span className={styles.state} data-connection={connection}>
      <span className={styles.dot} aria-hidden="true" />
      <span role="status">{WORDS[connection]}</span>
      {connection === "ended" ? null : <span>data {ago(freshAt, now)}</span>}
    </span>
  );
}

/** The present time, renewed every so many milliseconds. */
function useNow(every: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (every === null) return;
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
