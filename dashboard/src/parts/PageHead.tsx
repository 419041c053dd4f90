import { type ReactNode, useEffect } from "react";
import styles from "./PageHead.module.css";

interface Props {
  title: string;
  below?: ReactNode;
  actions?: ReactNode;
}

/** The heading of a screen, which also names the browser's tab. */
export function PageHead({ title, below, actions }: Props) {
  useEffect(() => {
    document.title = `${title} · evomerge`;
  }, [title]);
  return (
    <header className={styles.head}>
      <div>
        <h1>{title}</h1>
        {below ? <div className={styles.below}>{below}</div> : null}
      </div>
      {actions ? <div className={styles.actions}>{actions}</div> : null}
    </header>
  );
}
