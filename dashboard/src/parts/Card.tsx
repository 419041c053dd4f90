import { type ReactNode, useId } from "react";
import styles from "./Card.module.css";

interface Props {
  title: string;
  /** One line on how to read what is shown. */
  reading?: ReactNode;
  actions?: ReactNode;
  /** Anchor of a permanent link. */
  id?: string;
  children: ReactNode;
}

/** A titled region of a page. */
export function Card({ title, reading, actions, id, children }: Props) {
  const heading = useId();
  return (
    <section className={styles.card} aria-labelledby={heading} id={id}>
      <header className={styles.head}>
        <div>
          <h2 id={heading}>{title}</h2>
          {reading ? <p className={styles.reading}>{reading}</p> : null}
        </div>
        {actions ? <div className={styles.actions}>{actions}</div> : null}
      </header>
      <div className={styles.body}>{children}</div>
    </section>
  );
}
