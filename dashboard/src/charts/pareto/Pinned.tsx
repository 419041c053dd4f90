import { Link } from "@tanstack/react-router";
import { difference, interval, score } from "@/format/numbers";
import { Table } from "@/parts/Table";
import styles from "./Pinned.module.css";
import { nameOf, type Place } from "./places";

interface Props {
  experiment: string;
  place: Place;
  /** The base's score on each task. */
  reference: Readonly<Record<string, number>>;
}

/** All tasks of the candidate that is pinned. */
export function Pinned({ experiment, place, reference }: Props) {
  return (
    <section className={styles.pinned} aria-label={`${nameOf(place)}, pinned`}>
      <h3>
        <Link
          to="/experiments/$id/candidates/$number"
          params={{ id: experiment, number: String(place.number) }}
        >
          {nameOf(place)}
        </Link>
      </h3>
      <Table caption={`Scores of ${nameOf(place)} by task`}>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col" data-number>
              Search items
            </th>
            <th scope="col" data-number>
              95 % interval
            </th>
            <th scope="col" data-number>
              Minus the base
            </th>
            {place.selection === null ? null : (
              <th scope="col" data-number>
                Selection items
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {Object.entries(place.tasks).map(([task, { mean, low, high }]) => (
            <tr key={task}>
              <th scope="row">{task}</th>
              <td data-number>{score(mean)}</td>
              <td data-number>{interval(low, high)}</td>
              <td data-number>{reference[task] === undefined ? "–" : difference(mean - reference[task])}</td>
              {place.selection === null ? null : <td data-number>{score(place.selection[task])}</td>}
            </tr>
          ))}
        </tbody>
      </Table>
    </section>
  );
}
