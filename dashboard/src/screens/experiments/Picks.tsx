import { Link } from "@tanstack/react-router";
import { Button, buttonClass } from "@/parts/Button";
import styles from "./Picks.module.css";
import { MOST } from "./picked";

/** What can be done with the experiments that are picked. */
export function Picks({ picks, pick }: { picks: readonly string[]; pick: (ids: readonly string[]) => void }) {
  return (
    <section className={styles.picks} aria-label="Picked experiments">
      <span role="status">
        {picks.length} of at most {MOST} picked
      </span>
      <Button onClick={() => pick([])}>Clear</Button>
      <Link to="/compare" search={{ ids: picks.join(",") }} className={buttonClass("primary")}>
        {picks.length === 1 ? "Compare with others" : `Compare ${picks.length}`}
      </Link>
    </section>
  );
}
