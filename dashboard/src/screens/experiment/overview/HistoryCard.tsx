import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { HISTORY_KINDS, historyQuery } from "@/api/queries";
import { ago, exact } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { Empty } from "@/parts/states";
import { sentenceOf } from "../log/sentences";
import styles from "./cards.module.css";

/** Who did what, and what came of it: the latest entries. */
export function HistoryCard({ experiment }: { experiment: string }) {
  const events = useQuery(historyQuery(experiment));
  return (
    <Card
      title="History"
      reading="States, and what people did: the latest first."
      actions={
        <Link
          to="/experiments/$id/log"
          params={{ id: experiment }}
          search={{ kind: HISTORY_KINDS.join(",") }}
        >
          Whole log
        </Link>
      }
    >
      <Answer query={events} what="the history">
        {(page) =>
          page.events.length === 0 ? (
            <Empty title="Nothing has happened" />
          ) : (
            <ul className={styles.list}>
              {page.events.map((event) => (
                <li key={event.seq}>
                  {sentenceOf(event)}{" "}
                  <time className={styles.when} dateTime={event.at} title={exact(event.at)}>
                    {ago(event.at)}
                  </time>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </Card>
  );
}
