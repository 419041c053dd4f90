import type { Schemas } from "@/api/client";
import { Card } from "@/parts/Card";
import { Empty } from "@/parts/states";
import styles from "./cards.module.css";

const WARNING = "Warning: ";

/** What was decided and what limits the result. */
export function NotesCard({ outcome }: { outcome: Schemas["Outcome"] | null }) {
  return (
    <Card title="What limits the result" reading="How it was chosen, and how far it can be trusted.">
      {outcome === null || outcome.notes.length === 0 ? (
        <Empty title="Nothing to say yet">
          <p>The notes are written when the experiment is finished.</p>
        </Empty>
      ) : (
        <ul className={styles.list}>
          {outcome.notes.map((note) =>
            note.startsWith(WARNING) ? (
              <li key={note} className={styles.warning}>
                <strong>Warning.</strong> {note.slice(WARNING.length)}
              </li>
            ) : (
              <li key={note}>{note}</li>
            ),
          )}
        </ul>
      )}
    </Card>
  );
}
