import { useQueries } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { count, difference, interval, score } from "@/format/numbers";
import { Card } from "@/parts/Card";
import { Empty, ErrorNotice, Loading } from "@/parts/states";
import { Table } from "@/parts/Table";
import { standing } from "../overview/verdict";
import styles from "./PairedCard.module.css";

const SIGNS = { ahead: "▲", noise: "≈", behind: "▼" } as const;
const WORDS = { ahead: "better", noise: "within noise", behind: "worse" } as const;

interface Props {
  experiment: string;
  number: number;
  split: Schemas["Split"];
  against: readonly number[];
  nameOf: (number: number) => string;
}

/** The candidate against each other one on the items that both were scored on. */
export function PairedCard({ experiment, number, split, against, nameOf }: Props) {
  const views = useQueries({
    queries: against.map((other) => partQuery(experiment, "comparison", { number, against: other, split })),
  });
  const failed = views.find((one) => one.error)?.error;
  const known = views.flatMap((one) => (one.data ? [one.data] : []));
  return (
    <Card
      title="Against others"
      reading="Differences on the same items with their 95 % interval; better and worse are beyond chance, p is of no difference."
    >
      {failed ? <ErrorNotice error={failed} /> : null}
      {against.length === 0 ? (
        <Empty title="Nobody to compare with">
          <p>Choose candidates above.</p>
        </Empty>
      ) : known.length === 0 && !failed ? (
        <Loading what="the comparison" />
      ) : null}
      {known.length > 0 ? (
        <Table caption="Paired differences">
          <thead>
            <tr>
              <th scope="col">Against</th>
              <th scope="col">Task</th>
              <th scope="col" data-number>
                This one
              </th>
              <th scope="col" data-number>
                The other
              </th>
              <th scope="col" data-number>
                Difference (95 % interval)
              </th>
              <th scope="col" data-number>
                p
              </th>
              <th scope="col" data-number>
                Wins
              </th>
              <th scope="col" data-number>
                Losses
              </th>
              <th scope="col" data-number>
                Ties
              </th>
            </tr>
          </thead>
          {known.map((one) => (
            <Against key={one.against} view={one} name={nameOf(one.against)} />
          ))}
        </Table>
      ) : null}
    </Card>
  );
}

function Against({ view, name }: { view: Schemas["PairedView"]; name: string }) {
  const { overall } = view;
  if (overall === null)
    return (
      <tbody>
        <tr>
          <th scope="row">{name}</th>
          <td colSpan={8}>{view.reason}</td>
        </tr>
      </tbody>
    );
  const tasks = view.tasks.length > 1 ? view.tasks : [];
  return (
    <tbody className={styles.group}>
      <Line
        name={name}
        task={tasks.length > 0 ? "all, weighted" : (view.tasks[0]?.task ?? "all")}
        {...overall}
      />
      {tasks.map((one) => (
        <Line key={one.task} {...one} />
      ))}
    </tbody>
  );
}

type LineProps = Schemas["PairedDifference"] & { name?: string; task: string };

function Line({ name, task, ...one }: LineProps) {
  const how = standing(one, one.p);
  return (
    <tr>
      {name ? <th scope="row">{name}</th> : <td />}
      <td>{task}</td>
      <td data-number>{score(one.mean)}</td>
      <td data-number>{score(one.against_mean)}</td>
      <td data-number>
        <span className={styles.sign} data-standing={how} title={WORDS[how]}>
          <span aria-hidden="true">{SIGNS[how]}</span>
          <span className="visually-hidden">{WORDS[how]}:</span>
        </span>{" "}
        <b>{difference(one.difference)}</b> ({interval(one.low, one.high, difference)})
      </td>
      <td data-number>{one.p < 0.001 ? "< 0.001" : one.p.toFixed(3)}</td>
      <td data-number>{count(one.wins)}</td>
      <td data-number>{count(one.losses)}</td>
      <td data-number>{count(one.ties)}</td>
    </tr>
  );
}
