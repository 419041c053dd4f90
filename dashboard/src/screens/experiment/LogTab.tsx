import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { snapshot } from "@/api/snapshot";
import { useLive } from "@/live/useLive";
import { Answer } from "@/parts/Answer";
import { buttonClass } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { Chips } from "@/parts/Chips";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import styles from "./LogTab.module.css";
import { Entry } from "./log/Entry";
import { KINDS } from "./log/sentences";
import { useEvents } from "./log/useEvents";

/** Everything that happened, newest first. */
export default function LogTab() {
  const { id } = useParams({ from: "/experiments/$id/log" });
  const { kind, before, after } = useSearch({ from: "/experiments/$id/log" });
  const navigate = useNavigate({ from: "/experiments/$id/log" });
  const { connection } = useLive();
  const kinds = useMemo(
    () => KINDS.map(([one]) => one).filter((one) => kind?.split(",").includes(one)),
    [kind],
  );
  const { query, events, newest, full } = useEvents(id, kinds, { before, after });
  const choose = (chosen: string[]) =>
    void navigate({ search: chosen.length > 0 ? { kind: chosen.join(",") } : {}, replace: true });
  const kept = kind === undefined ? {} : { kind };
  const first = events[0]?.seq;
  const last = events.at(-1)?.seq;
  const to = { to: "/experiments/$id/log", params: { id } } as const;
  return (
    <Card
      title="Log"
      reading={
        newest && connection === "live"
          ? "Every entry of the record, the newest first; new ones appear at the top."
          : "Every entry of the record, the newest first."
      }
    >
      <div className={styles.log}>
        {snapshot === null ? <Chips legend="Only" options={KINDS} chosen={kinds} onChange={choose} /> : null}
        <Answer query={query} what="the log">
          {() =>
            events.length === 0 ? (
              <Empty title="No such entry">
                <p>
                  {kinds.length > 0 ? "Nothing of these kinds has happened." : "Nothing has happened yet."}
                </p>
              </Empty>
            ) : (
              <Table caption="Log">
                <thead>
                  <tr>
                    <th scope="col" data-number className={styles.wide}>
                      No.
                    </th>
                    <th scope="col">When</th>
                    <th scope="col">Kind</th>
                    <th scope="col">What happened</th>
                    <th scope="col" className={styles.wide}>
                      Candidate
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {events.map((event) => (
                    <Entry key={event.seq} event={event} />
                  ))}
                </tbody>
              </Table>
            )
          }
        </Answer>
        {snapshot === null ? (
          <nav className={styles.pages} aria-label="Pages of the log">
            {newest ? null : (
              <>
                <Link {...to} search={kept} className={buttonClass()}>
                  Newest
                </Link>
                {first !== undefined ? (
                  <Link {...to} search={{ ...kept, after: first }} className={buttonClass()}>
                    Newer
                  </Link>
                ) : null}
              </>
            )}
            {(full || after !== undefined) && last !== undefined && last > 1 ? (
              <Link {...to} search={{ ...kept, before: last }} className={buttonClass()}>
                Older
              </Link>
            ) : null}
          </nav>
        ) : null}
      </div>
    </Card>
  );
}
