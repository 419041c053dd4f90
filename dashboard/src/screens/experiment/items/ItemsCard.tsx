import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { Choice } from "@/parts/Choice";
import { Picker } from "@/parts/Picker";
import { Empty } from "@/parts/states";
import { Item } from "./Item";
import styles from "./ItemsCard.module.css";

export const ONLY = ["all", "wins", "losses", "changed"] as const;
export type Only = (typeof ONLY)[number];
const PAGE = 20;

interface Props {
  experiment: string;
  number: number;
  split: Schemas["Split"];
  against: readonly number[];
  tasks: readonly string[];
  task: string | undefined;
  only: Only;
  nameOf: (number: number) => string;
  onTask: (task: string) => void;
  onOnly: (only: Only) => void;
}

/** Which items it wins and loses, with what was asked and what each of them wrote. */
export function ItemsCard(props: Props) {
  const { experiment, number, split, against, tasks, task, only, nameOf, onTask, onOnly } = props;
  // The cursors of the pages so far; they belong to these parameters only, which key this component.
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const query = {
    number,
    against: against.join(","),
    split,
    only,
    limit: PAGE,
    ...(task && { task }),
    ...(cursors.length > 0 && { cursor: cursors.at(-1) }),
  };
  const items = useQuery({
    ...partQuery(experiment, "items-compared", query),
    placeholderData: keepPreviousData,
  });
  const counts = items.data?.counts;
  const choices: readonly (readonly [Only, string])[] = [
    ["all", `All ${counts ? count(counts.total) : ""}`],
    ["wins", `Wins ${counts ? count(counts.wins) : ""}`],
    ["losses", `Losses ${counts ? count(counts.losses) : ""}`],
    ["changed", `Changed ${counts ? count(counts.wins + counts.losses) : ""}`],
  ];
  return (
    <Card
      title="Items"
      reading="A win is an item where it scores more than the best of the others. What differs from the first column is underlined; nats are the log-likelihood of the right answer."
      actions={
        snapshot === null ? (
          <>
            {tasks.length > 1 ? (
              <Picker label="Task" value={task ?? ""} onChange={onTask}>
                <option value="">all</option>
                {tasks.map((one) => (
                  <option key={one} value={one}>
                    {one}
                  </option>
                ))}
              </Picker>
            ) : null}
            {against.length > 0 ? (
              <Choice label="Show" value={only} choices={choices} onChange={onOnly} />
            ) : null}
          </>
        ) : null
      }
    >
      <Answer query={items} what="the items">
        {(found) =>
          found.rows.length === 0 ? (
            <Empty title="No such item">
              <p>{found.reason ?? "None of the items is like that."}</p>
            </Empty>
          ) : (
            <>
              {found.texts ? (
                <p className={styles.note}>Prompts and references are missing: {found.texts}.</p>
              ) : null}
              <ol className={styles.items} aria-busy={items.isPlaceholderData}>
                {found.rows.map((one) => (
                  <Item key={`${one.task} ${one.item}`} item={one} nameOf={nameOf} />
                ))}
              </ol>
              <nav className={styles.pages} aria-label="Pages of items">
                <Button disabled={cursors.length === 0} onClick={() => setCursors((old) => old.slice(0, -1))}>
                  Previous
                </Button>
                <span>Page {count(cursors.length + 1)}</span>
                <Button
                  disabled={found.next === null || items.isPlaceholderData || snapshot !== null}
                  onClick={() => setCursors((old) => [...old, found.next as string])}
                >
                  Next
                </Button>
              </nav>
            </>
          )
        }
      </Answer>
    </Card>
  );
}
