import type { Schemas } from "@/api/client";
import { compact, count, duration, score } from "@/format/numbers";
import { exact } from "@/format/times";
import { Card } from "@/parts/Card";
import { StateBadge } from "@/parts/StateBadge";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";

type Evaluation = Schemas["EvaluationView"];

/** What each evaluation did and how long its parts took. */
export function EvaluationsCard({ evaluations }: { evaluations: readonly Evaluation[] }) {
  const phases = [...new Set(evaluations.flatMap((one) => Object.keys(one.timings_s)))];
  return (
    <Card
      title="Evaluations"
      reading="One line per block of items that a worker scored, with the time of each of its parts."
    >
      {evaluations.length === 0 ? (
        <Empty title="No evaluation yet" />
      ) : (
        <Table caption="Evaluations">
          <thead>
            <tr>
              <th scope="col">Items of</th>
              <th scope="col">State</th>
              <th scope="col">Worker</th>
              <th scope="col">Started</th>
              {phases.map((phase) => (
                <th key={phase} scope="col" data-number>
                  {phase}
                </th>
              ))}
              <th scope="col" data-number>
                Tokens
              </th>
              <th scope="col" data-number>
                Items
              </th>
              <th scope="col" data-number>
                Fitness
              </th>
            </tr>
          </thead>
          <tbody>
            {evaluations.map((one) => (
              <tr key={`${one.split} ${one.block}`}>
                <th scope="row">
                  {one.split}
                  {one.block >= 0 ? `, block ${one.block + 1}` : ""}
                </th>
                <td>
                  <StateBadge state={one.state} />
                  {one.attempt > 1 ? ` attempt ${one.attempt}` : ""}
                  {one.reason ? <div>{one.reason}</div> : null}
                </td>
                <td>{one.worker ?? "–"}</td>
                <td>{one.started_at ? exact(one.started_at) : "–"}</td>
                {phases.map((phase) => (
                  <td key={phase} data-number>
                    {duration(one.timings_s[phase])}
                  </td>
                ))}
                <td data-number>{compact(one.prompt_tokens + one.generated_tokens)}</td>
                <td data-number>{count(one.num_items)}</td>
                <td data-number>{score(one.fitness)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  );
}
