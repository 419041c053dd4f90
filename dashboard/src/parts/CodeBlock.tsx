import type { ReactNode } from "react";
import styles from "./CodeBlock.module.css";
import { CopyButton } from "./CopyButton";

interface Props {
  /** What it is: "Recipe as YAML". */
  title: string;
  code: string;
  actions?: ReactNode;
}

/** A text to copy, in a box that scrolls by itself. */
export function CodeBlock({ title, code, actions }: Props) {
  return (
    <figure className={styles.frame}>
      <figcaption className={styles.head}>
        {title}
        <span className={styles.actions}>
          {actions}
          <CopyButton text={code}>Copy</CopyButton>
        </span>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre className={styles.code} tabIndex={0}>
        {code}
      </pre>
    </figure>
  );
}
