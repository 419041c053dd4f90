import type { ReactNode } from "react";
import styles from "./Stack.module.css";

/** Cards below each other; `pairs` puts two beside each other where there is room. */
export function Stack({ pairs = false, children }: { pairs?: boolean; children: ReactNode }) {
  return <div className={pairs ? `${styles.stack} ${styles.pairs}` : styles.stack}>{children}</div>;
}
