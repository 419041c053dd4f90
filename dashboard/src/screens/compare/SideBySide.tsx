import { Link } from "@tanstack/react-router";
import { type Comparison, namesOf } from "@/charts/compare/drawing";
import { Card } from "@/parts/Card";
import { StateBadge } from "@/parts/StateBadge";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { type Detail, shown, specDifferences } from "./differences";
import styles from "./SideBySide.module.css";
import { VERDICTS } from "./verdicts";

/** One column per experiment, one line per measure. */
export function Verdicts({ experiments }: Comparison) {
  const names = namesOf(experiments.map((one) => one.experiment));
  return (
    <Card
      id="verdicts"
      title="Verdicts"
      reading="Intervals are 95 %. The test lines are the result; those above them say how it came about."
    >
      <Table caption="Verdicts side by side">
        <thead>
          <tr>
            <th scope="col" className={styles.measure}>
              Measure
            </th>
            {experiments.map(({ experiment }, i) => (
              <th key={experiment.id} scope="col">
                <Link to="/experiments/$id" params={{ id: experiment.id }} data-row>
                  {names[i]}
                </Link>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">State</th>
            {experiments.map(({ experiment }) => (
              <td key={experiment.id}>
                <StateBadge state={experiment.state} />
              </td>
            ))}
          </tr>
          {VERDICTS.map(({ name, reading, of }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                <div className={styles.reading}>{reading}</div>
              </th>
              {experiments.map((one) => (
                <td key={one.experiment.id} className={styles.value}>
                  {of(one)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

/** Only the keys of the specs that differ. */
export function SpecDifferences({ details }: { details: readonly Detail[] }) {
  const found = specDifferences(details.map(({ spec }) => spec));
  const names = namesOf(details);
  return (
    <Card
      id="spec-differences"
      title="What differs in their specs"
      reading="Keys that are the same in all of them are left out."
    >
      {found.length === 0 ? (
        <Empty title="Their specs are the same but for the name" />
      ) : (
        <Table caption="Differences of the specs">
          <thead>
            <tr>
              <th scope="col" className={styles.measure}>
                Key
              </th>
              {details.map(({ id }, i) => (
                <th key={id} scope="col">
                  {names[i]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.map(({ path, values }) => (
              <tr key={path}>
                <th scope="row">
                  <code>{path}</code>
                </th>
                {values.map((value, i) => (
                  <td key={details[i]?.id} className={styles.value}>
                    <code>{shown(value)}</code>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  );
}
