import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { count, score } from "@/format/numbers";
import { Card } from "@/parts/Card";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { KIND_WORDS, nameOf } from "../candidates/words";
import styles from "./cards.module.css";

type Detail = Schemas["ExperimentDetail"];
/** More tasks than this are shown on the candidate's own page only. */
const TASKS = 4;

/** The ten best candidates on the search items. */
export function StandingsCard({ experiment }: { experiment: Detail }) {
  const { standings, outcome } = experiment;
  const tasks = [...new Set(standings.flatMap((one) => Object.keys(one.splits.search?.tasks ?? {})))];
  const shown = tasks.length > 1 && tasks.length <= TASKS ? tasks : [];
  return (
    <Card
      title="Standings"
      reading="The ten best on the search items they were scored on."
      actions={
        <Link to="/experiments/$id/candidates" params={{ id: experiment.id }} search={{ order: "-fitness" }}>
          All candidates
        </Link>
      }
    >
      {standings.length === 0 ? (
        <Empty title="Nobody has a score yet" />
      ) : (
        <Table caption="Standings">
          <thead>
            <tr>
              <th scope="col">Candidate</th>
              <th scope="col">Kind</th>
              <th scope="col" data-number>
                Fitness
              </th>
              {shown.map((task) => (
                <th key={task} scope="col" data-number>
                  {task}
                </th>
              ))}
              <th scope="col" data-number>
                Items
              </th>
            </tr>
          </thead>
          <tbody>
            {standings.map((one) => (
              <tr key={one.number}>
                <th scope="row">
                  <Link
                    to="/experiments/$id/candidates/$number"
                    params={{ id: experiment.id, number: String(one.number) }}
                    data-row
                  >
                    {nameOf(one)}
                  </Link>
                  {outcome?.winner?.number === one.number ? <span className={styles.tag}>winner</span> : null}
                </th>
                <td>{KIND_WORDS[one.kind]}</td>
                <td data-number>{score(one.fitness)}</td>
                {shown.map((task) => (
                  <td key={task} data-number>
                    {score(one.splits.search?.tasks[task]?.score)}
                  </td>
                ))}
                <td data-number>{count(one.splits.search?.items)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  );
}
