import type { Schemas } from "@/api/client";
import { count, interval, score } from "@/format/numbers";
import { Card } from "@/parts/Card";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { Ruler, Whisker } from "../overview/Whisker";
import { taskScores } from "./scores";

const SPLIT_WORDS = {
  search: "search: the search saw it",
  selection: "selection: chose the winner",
  test: "test: untouched",
};
const SCALE = { low: 0, high: 1 };

/** What the candidate reached, by split and task. */
export function ScoresCard({ evaluations }: { evaluations: readonly Schemas["EvaluationView"][] }) {
  const found = taskScores(evaluations);
  const scale = found.every((one) => one.mean >= 0 && one.mean <= 1) ? SCALE : null;
  return (
    <Card
      title="Scores"
      reading="Mean over the items of each split and task, with its 95 % interval where more than one was scored."
    >
      {found.length === 0 ? (
        <Empty title="It has no score yet" />
      ) : (
        <Table caption="Scores by split and task">
          <thead>
            <tr>
              <th scope="col">Split</th>
              <th scope="col">Task</th>
              {scale ? (
                <th scope="col">
                  <Ruler scale={scale} />
                </th>
              ) : null}
              <th scope="col" data-number>
                Score
              </th>
              <th scope="col" data-number>
                95 % interval
              </th>
              <th scope="col" data-number>
                Items
              </th>
              <th scope="col" data-number>
                Log-likelihood of the answer
              </th>
            </tr>
          </thead>
          <tbody>
            {found.map((one) => (
              <tr key={`${one.split} ${one.task}`}>
                <td>{SPLIT_WORDS[one.split]}</td>
                <th scope="row">{one.task}</th>
                {scale ? (
                  <td>
                    <Whisker
                      score={{ mean: one.mean, ...(one.interval ?? { low: one.mean, high: one.mean }) }}
                      scale={scale}
                      mark="merge"
                    />
                  </td>
                ) : null}
                <td data-number>
                  <b>{score(one.mean)}</b>
                </td>
                <td data-number>{one.interval ? interval(one.interval.low, one.interval.high) : "–"}</td>
                <td data-number>{count(one.items)}</td>
                <td data-number>
                  {one.referenceLogprob === null ? "–" : `${score(one.referenceLogprob)} nats`}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  );
}
