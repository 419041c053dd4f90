import type { ReactNode } from "react";
import styles from "./Table.module.css";

interface Props {
  /** Names the table for screen readers, which the reader of the page takes from the heading above it. */
  caption: string;
  /** thead and tbody; cells of numbers bear `data-number`. */
  children: ReactNode;
}

/** A table that scrolls within itself where the page is narrower than it. */
export function Table({ caption, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className={styles.scroll} tabIndex={0} aria-label={`${caption}, a table`}>
      <table className={styles.table}>
        <caption className="visually-hidden">{caption}</caption>
        {children}
      </table>
    </section>
  );
}
