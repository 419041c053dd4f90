import type { ReactNode } from "react";
import styles from "./Meter.module.css";

interface Props {
  /** Between 0 and 1. */
  share: number;
  /** What the bar shows, for who cannot see it. */
  name: string;
  /** The numbers behind it. */
  children: ReactNode;
}

/** How much of something is used: a bar with its numbers. */
export function Meter({ share, name, children }: Props) {
  return (
    <div className={styles.meter}>
      <span>{children}</span>
      <progress value={Math.min(Math.max(share, 0), 1)} max={1} aria-label={name} />
    </div>
  );
}
