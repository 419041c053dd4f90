import type { UseQueryResult } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { compact, count } from "@/format/numbers";
import { ago, exact } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";

/** What each worker did. */
export function WorkersTable({ query }: { query: UseQueryResult<Schemas["WorkerList"]> }) {
  return (
    <Card
      id="workers"
      title="Workers"
      reading="The last seen first. Attempts that one of them lost are done again, and what they give counts for who did it."
    >
      <Answer query={query} what="the workers">
        {(data) =>
          data.workers.length === 0 ? (
            <Empty title="No worker has begun yet" />
          ) : (
            <Table caption="Workers">
              <thead>
                <tr>
                  <th scope="col">Worker</th>
                  {["Done", "Running", "Lost attempts", "Infeasible", "Items", "Tokens generated"].map(
                    (name) => (
                      <th key={name} scope="col" data-number>
                        {name}
                      </th>
                    ),
                  )}
                  <th scope="col">Last seen</th>
                </tr>
              </thead>
              <tbody>
                {data.workers.map((one) => (
                  <tr key={one.worker}>
                    <th scope="row">{one.worker}</th>
                    {[one.done, one.running, one.lost, one.infeasible, one.items].map((value, i) => (
                      // biome-ignore lint/suspicious/noArrayIndexKey: columns never move
                      <td key={i} data-number>
                        {count(value)}
                      </td>
                    ))}
                    <td data-number>{compact(one.generated_tokens)}</td>
                    <td>
                      {one.last_seen === null ? (
                        "never"
                      ) : (
                        <time dateTime={one.last_seen} title={exact(one.last_seen)}>
                          {ago(one.last_seen)}
                        </time>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </Table>
          )
        }
      </Answer>
    </Card>
  );
}
