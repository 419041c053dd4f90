import { Link } from "@tanstack/react-router";
import { coefficient, count, score } from "@/format/numbers";
import { Table } from "@/parts/Table";
import { areSeveral, type Gene, shortParts } from "../coefficients/genes";
import { isInside, type Range } from "./brush";
import { axesOf, type ParallelData } from "./drawing";
import styles from "./parallel.module.css";

interface Props {
  experiment: string;
  data: ParallelData;
  ranges: readonly Range[];
}

const SHOWN = 10;

/** The best candidates in the chosen ranges. */
export function BrushedTable({ experiment, data, ranges }: Props) {
  const axes = axesOf(data);
  const several = areSeveral(data.genes);
  const found = data.rows
    .filter((row) => row.fitness !== null && isInside(row, ranges))
    .sort((a, b) => (b.fitness as number) - (a.fitness as number));
  return (
    <>
      <h3 className={styles.heading}>
        {ranges.length === 0
          ? "The best candidates"
          : `${count(found.length)} candidates in the chosen ranges`}
      </h3>
      {found.length === 0 ? (
        <p>No candidate is in all of these ranges. Remove one of them.</p>
      ) : (
        <Table caption="Candidates in the chosen ranges">
          <thead>
            <tr>
              <th scope="col">Candidate</th>
              <th scope="col" data-number>
                Fitness
              </th>
              {axes.map(({ gene }) => (
                <th key={gene} scope="col" data-number>
                  {shortParts(data.genes[gene] as Gene, several).join(" ")}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.slice(0, SHOWN).map((row) => (
              <tr key={row.number}>
                <th scope="row">
                  <Link
                    to="/experiments/$id/candidates/$number"
                    params={{ id: experiment, number: String(row.number) }}
                    data-row
                  >
                    {count(row.number)}
                  </Link>
                </th>
                <td data-number>{score(row.fitness)}</td>
                {axes.map(({ gene }) => (
                  <td key={gene} data-number>
                    {coefficient(row.values[gene])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {found.length > SHOWN ? <p className={styles.more}>The {SHOWN} best of them are shown.</p> : null}
    </>
  );
}
