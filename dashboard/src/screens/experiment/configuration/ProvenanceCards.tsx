import type { Schemas } from "@/api/client";
import { count } from "@/format/numbers";
import { Card } from "@/parts/Card";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import styles from "./ProvenanceCards.module.css";
import { models, seeds, type TaskRow, tasks, versions } from "./provenance";

type Detail = Schemas["ExperimentDetail"];

/** Names and values as a table of two columns. */
function Pairs({ caption, rows }: { caption: string; rows: readonly (readonly [string, string])[] }) {
  return (
    <Table caption={caption}>
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className={styles.value}>{value}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

export function VersionsCard({ experiment }: { experiment: Detail }) {
  const rows = versions(experiment);
  return (
    <Card title="Versions" reading="Of everything that can change a score.">
      {rows.length === 0 ? (
        <Empty title="The record holds no versions" />
      ) : (
        <Pairs caption="Versions" rows={rows} />
      )}
    </Card>
  );
}

export function SeedsCard({ experiment }: { experiment: Detail }) {
  return (
    <Card title="Seeds and digests" reading="The same seeds on the same digests give the same candidates.">
      <Pairs caption="Seeds and digests" rows={seeds(experiment)} />
    </Card>
  );
}

export function ModelsCard({ experiment }: { experiment: Detail }) {
  const rows = models(experiment);
  if (rows.length === 0) return null;
  return (
    <Card title="Models" reading="Where they were read, and the SHA-256 of every file of weights.">
      <Table caption="Models">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Place</th>
            <th scope="col">Revision</th>
            <th scope="col">Files</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th>
              <td className={styles.value}>{one.path}</td>
              <td className={styles.value}>{one.revision}</td>
              <td className={styles.value}>
                {one.digests.length === 0 ? "–" : null}
                {one.digests.map((digest) => (
                  <code key={digest}>{digest}</code>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

export function TasksCard({ experiment }: { experiment: Detail }) {
  const rows = tasks(experiment);
  if (rows.length === 0) return null;
  return (
    <Card title="Tasks" reading="As they were run, with hashes of the items of each split.">
      <div className={styles.tasks}>
        {rows.map((one) => (
          <Task key={one.name} task={one} />
        ))}
      </div>
    </Card>
  );
}

function Task({ task }: { task: TaskRow }) {
  return (
    <section className={styles.task}>
      <h3>{task.name}</h3>
      <Pairs caption={task.name} rows={task.facts} />
      <Table caption={`Splits of ${task.name}`}>
        <thead>
          <tr>
            <th scope="col">Split</th>
            <th scope="col" data-number>
              Items
            </th>
            <th scope="col">Hash</th>
          </tr>
        </thead>
        <tbody>
          {task.splits.map((one) => (
            <tr key={one.split}>
              <th scope="row">{one.split}</th>
              <td data-number>{Number.isFinite(Number(one.items)) ? count(Number(one.items)) : one.items}</td>
              <td className={styles.value}>{one.hash}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}
