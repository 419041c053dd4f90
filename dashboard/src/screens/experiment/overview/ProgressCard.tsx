import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { headlineQuery } from "@/api/queries";
import { compact, count, duration, percent } from "@/format/numbers";
import { exact } from "@/format/times";
import { isFinal } from "@/live/useLive";
import { Card } from "@/parts/Card";
import { type Figure, Figures } from "@/parts/Figures";
import { Meter } from "@/parts/Meter";
import styles from "./ProgressCard.module.css";
import { type Limit, limits } from "./progress";

type Detail = Schemas["ExperimentDetail"];

interface Props {
  experiment: Detail;
  now: string | null;
}

/** How far it is, and what that took. */
export function ProgressCard({ experiment, now }: Props) {
  const running = experiment.state === "running";
  const headline = useQuery({ ...headlineQuery(experiment.id), enabled: running });
  return (
    <Card title="Progress" reading={now ?? `Begun ${exact(experiment.created_at)}; nothing runs any more.`}>
      <div className={styles.progress}>
        {limits(experiment).map((one) => (
          <LimitMeter key={one.unit} {...one} />
        ))}
        <Figures figures={figures(experiment, running ? (headline.data?.eta_s ?? null) : null)} />
      </div>
    </Card>
  );
}

function LimitMeter({ unit, limit, used }: Limit) {
  const name = `Used of ${amount(limit)} ${unit}`;
  if (used === null)
    return (
      <p>
        At most {amount(limit)} {unit}
      </p>
    );
  return (
    <Meter share={used / limit} name={name}>
      {amount(used)} of {amount(limit)} {unit}, {percent(used / limit)}
    </Meter>
  );
}

const amount = (value: number): string =>
  value < 10 && !Number.isInteger(value) ? value.toFixed(1) : count(value);

function figures(experiment: Detail, eta: number | null): Figure[] {
  const { progress } = experiment;
  const spec = experiment.spec.workers as { count?: number } | undefined;
  const shared = experiment.workers ?? spec?.count ?? null;
  return [
    {
      name: "Candidates",
      value: count(progress.candidates),
      note: `${count(progress.scored)} scored${progress.infeasible > 0 ? `, ${count(progress.infeasible)} infeasible` : ""}`,
    },
    {
      name: "Evaluations",
      value: count(progress.done),
      note:
        progress.lost > 0
          ? `${count(progress.lost)} lost ${progress.lost === 1 ? "attempt" : "attempts"}, done again`
          : "none lost",
    },
    ...(isFinal(experiment.state)
      ? []
      : [
          {
            name: "Running now",
            value: count(progress.running),
            note:
              shared === null
                ? "evaluations"
                : `on up to ${count(shared)} ${shared === 1 ? "worker" : "workers"}`,
          },
        ]),
    { name: "Scored items", value: compact(progress.search_items), note: "of the search split" },
    {
      name: "Tokens",
      value: compact(progress.prompt_tokens + progress.generated_tokens),
      note: `${compact(progress.prompt_tokens)} read, ${compact(progress.generated_tokens)} written`,
    },
    {
      name: isFinal(experiment.state) ? "Took" : "Time so far",
      value: duration(experiment.seconds_spent),
      note: eta === null ? "while it ran" : `about ${duration(eta)} to go`,
    },
  ];
}
