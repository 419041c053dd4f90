import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { snapshot } from "@/api/snapshot";
import icon from "@/look/icon.svg";
import styles from "./Shell.module.css";
import { Shortcuts } from "./Shortcuts";
import { ThemeSwitch } from "./ThemeSwitch";
import { VersionNote } from "./VersionNote";

const LINKS = [
  ["/experiments", "Experiments"],
  ["/compare", "Compare"],
  ["/models", "Models"],
  ["/tasks", "Tasks"],
  ["/methods", "Methods"],
  ["/settings", "Settings"],
] as const;

/** What is around every screen. */
export function Shell() {
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const shown = useRef(path);
  useEffect(() => {
    // A screen reader starts to read a new screen at its beginning; tabs of one experiment keep the focus.
    if (
      shown.current.split("/")[2] !== path.split("/")[2] ||
      shown.current.split("/")[1] !== path.split("/")[1]
    )
      main.current?.focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a part of this page */}
      <a
        className={styles.skip}
        href="#main"
        onClick={(event) => {
          // In an exported page the part behind the # is the address of the screen.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header className={styles.bar}>
        {snapshot === null ? (
          <>
            <Link to="/experiments" className={styles.mark}>
              <img src={icon} alt="" />
              evomerge
            </Link>
            <nav className={styles.links} aria-label="Main">
              {LINKS.map(([to, name]) => (
                <Link key={to} to={to} data-name={name}>
                  {name}
                </Link>
              ))}
            </nav>
          </>
        ) : (
          <span className={styles.mark}>evomerge</span>
        )}
        <div className={styles.side}>
          <Shortcuts />
          <ThemeSwitch />
        </div>
      </header>
      <main id="main" className={styles.main} ref={main} tabIndex={-1}>
        <VersionNote />
        <Outlet />
      </main>
    </>
  );
}
