import { type ReactNode, useRef } from "react";
import { buttonClass } from "./Button";
import styles from "./Menu.module.css";

/** Buttons behind a button. It closes on Escape, on a choice, and when the focus goes elsewhere. */
export function Menu({ label, children }: { label: ReactNode; children: ReactNode }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => menu.current?.removeAttribute("open");
  return (
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
      <summary className={buttonClass()}>{label}</summary>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons inside are what is clicked */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: Enter and Space click the buttons inside too */}
      <div onClick={close}>{children}</div>
    </details>
  );
}
