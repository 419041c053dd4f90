import type { UseQueryResult } from "@tanstack/react-query";
import { type Cost, shares } from "@/charts/cost/phases";
import { phaseName } from "@/charts/timeline/phases";
import { compact, count, duration, percent } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { type Figure, Figures } from "@/parts/Figures";
import { Empty } from "@/parts/states";

/** What the search has cost so far, and what it will. */
export function Spent({ query }: { query: UseQueryResult<Cost> }) {
  return (
    <Card
      id="spent"
      title="Spent so far"
      reading="Worker time counts every worker: two that work for an hour are two hours."
    >
      <Answer query={query} what="the cost">
        {(data) =>
          data.number.length === 0 ? (
            <Empty title="Nothing is spent yet">
              <p>{data.reason}</p>
            </Empty>
          ) : (
            <Figures figures={figuresOf(data)} />
          )
        }
      </Answer>
    </Card>
  );
}

export function figuresOf(cost: Cost): Figure[] {
  const spent = cost.cumulative_worker_seconds.at(-1) ?? 0;
  const evaluations = cost.evaluations.reduce((sum, one) => sum + one, 0);
  const [largest] = shares(cost);
  const projected = cost.projected_worker_seconds;
  return [
    { name: "Worker time", value: duration(spent), note: `${count(evaluations)} evaluations` },
    {
      name: "Per evaluation",
      value: duration(evaluations > 0 ? spent / evaluations : null),
      note: largest === undefined ? null : `${percent(largest.share)} ${phaseName(largest.phase)}`,
    },
    // Where nothing more will be spent there is none.
    ...(projected === null
      ? []
      : [{ name: "Budget's end", value: duration(projected), note: "at the pace so far" }]),
    {
      name: "Weights found in the engine",
      value: percent(cost.cache_share),
      note: cost.cache_share === null ? "nothing is merged here" : "of evaluations need no merge",
    },
    {
      name: "Tokens",
      value: compact(cost.generated_tokens.at(-1)),
      note: `generated, ${compact(cost.prompt_tokens.at(-1))} read`,
    },
    ...(cost.every > 1
      ? [{ name: "Counted on", value: `1 in ${count(cost.every)}`, note: "candidates, scaled to all" }]
      : []),
  ];
}
