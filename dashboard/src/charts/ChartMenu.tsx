import { useRef, useState } from "react";
import { Button } from "@/parts/Button";
import styles from "./ChartMenu.module.css";

export interface Action {
  name: string;
  run: () => Promise<void> | void;
  /** What to say once it is done, where nothing else shows it. */
  done?: string;
}

interface Props {
  title: string;
  actions: readonly Action[];
  /** Runs an action and shows its failure. */
  attempt: (work: Action["run"]) => Promise<boolean>;
}

/** What can be done with a chart's data. It closes on Escape, and when the focus or the pointer goes elsewhere. */
export function ChartMenu({ title, actions, attempt }: Props) {
  const [said, setSaid] = useState("");
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => menu.current?.removeAttribute("open");
  return (
    <>
      <span className={styles.said} role="status">
        {said}
      </span>
      <details
        ref={menu}
        className={styles.menu}
        onBlur={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget)) close();
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          close();
          menu.current?.querySelector("summary")?.focus();
        }}
      >
        <summary>
          Data<span className="visually-hidden"> and downloads of {title}</span>
        </summary>
        <div>
          {actions.map(({ name, run, done }) => (
            <Button
              key={name}
              look="quiet"
              onClick={() => {
                close();
                void attempt(run).then((worked) => {
                  setSaid(worked ? (done ?? "") : "");
                  setTimeout(() => setSaid(""), 3000);
                });
              }}
            >
              {name}
            </Button>
          ))}
        </div>
      </details>
    </>
  );
}
