import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { compact, count, duration, score } from "@/format/numbers";
import { ago, exact } from "@/format/times";
import { Meter } from "@/parts/Meter";
import { Sparkline } from "@/parts/Sparkline";
import { StateBadge } from "@/parts/StateBadge";
import styles from "./List.module.css";
import { standingOf } from "./lead";
import { MOST, toggled } from "./picked";

type Experiment = Schemas["ExperimentView"];

interface Props {
  experiments: readonly Experiment[];
  picks: readonly string[];
  pick: (ids: readonly string[]) => void;
}

/** Experiments in a line each; on a narrow page each is a card. */
export function List({ experiments, picks, pick }: Props) {
  return (
    <table className={styles.list}>
      <caption className="visually-hidden">Experiments, newest first</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="visually-hidden">Compare</span>
          </th>
          <th scope="col">Experiment</th>
          <th scope="col">State</th>
          <th scope="col">Best against best parent</th>
          <th scope="col">Best so far</th>
          <th scope="col">Budget</th>
          <th scope="col">Left</th>
          <th scope="col">Last event</th>
        </tr>
      </thead>
      <tbody>
        {experiments.map((one) => (
          <Row
            key={one.id}
            experiment={one}
            picked={picks.includes(one.id)}
            full={picks.length >= MOST}
            toggle={() => pick(toggled(picks, one.id))}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  experiment: Experiment;
  picked: boolean;
  full: boolean;
  toggle: () => void;
}

function Row({ experiment, picked, full, toggle }: RowProps) {
  const { id, name, state, owner, wanted, headline } = experiment;
  const stops = state === "running" && (wanted === "pause" || wanted === "cancel");
  const last = headline?.last_event_at ?? experiment.updated_at;
  return (
    <tr data-picked={picked}>
      <td className={styles.pick}>
        <input
          type="checkbox"
          checked={picked}
          disabled={full && !picked}
          onChange={toggle}
          aria-label={`Compare ${name} ${id}`}
        />
      </td>
      <th scope="row" className={styles.name}>
        <Link to="/experiments/$id" params={{ id }} data-row>
          {name}
        </Link>
        <span className={styles.small}>
          <code>{id}</code>
          {owner === "" ? "" : ` by ${owner}`}
        </span>
        {experiment.error ? <span className={styles.error}>{experiment.error}</span> : null}
      </th>
      <td data-label="State">
        <StateBadge state={state} />
        {stops ? <span className={styles.small}>asked to {wanted}</span> : null}
      </td>
      <td data-label="Best against best parent" className={styles.wide}>
        <Lead experiment={experiment} />
      </td>
      <td data-label="Best so far">
        <Sparkline values={headline?.sparkline ?? []} name="Best fitness so far" />
      </td>
      <td data-label="Budget">
        <Budget experiment={experiment} />
      </td>
      <td data-label="Left" className={styles.nowrap}>
        {headline?.eta_s == null ? "–" : left(headline.eta_s)}
      </td>
      <td data-label="Last event" className={styles.nowrap}>
        <time dateTime={last} title={exact(last)}>
          {ago(last)}
        </time>
      </td>
    </tr>
  );
}

function Lead({ experiment: { headline, progress } }: { experiment: Experiment }) {
  const standing = standingOf(headline);
  if (standing !== null)
    return (
      <span className={styles.lead} data-lead={standing.lead}>
        <span className={styles.gain}>
          <strong>
            <span aria-hidden="true">{standing.sign} </span>
            {standing.difference}
            <span className="visually-hidden">, {standing.words}</span>
          </strong>{" "}
          <span className={styles.nowrap}>({standing.interval})</span>
        </span>
        <span className={styles.small}>{standing.scores}</span>
      </span>
    );
  if (progress.best_fitness === null) return <span className={styles.small}>nothing scored yet</span>;
  return (
    <span>
      {score(headline?.best?.mean ?? progress.best_fitness)}
      <span className={styles.small}>no parent to compare it with</span>
    </span>
  );
}

const left = (seconds: number): string => (seconds < 60 ? "under a minute" : `about ${duration(seconds)}`);

const UNITS = {
  evaluations: "evaluations",
  items: "scored items",
  generated_tokens: "generated tokens",
  hours: "hours",
} as const;

function Budget({ experiment: { headline, progress } }: { experiment: Experiment }) {
  const budget = headline?.budget;
  if (budget == null)
    return (
      <span className={styles.small}>
        {count(progress.candidates)} {progress.candidates === 1 ? "candidate" : "candidates"}
      </span>
    );
  const amount = (value: number) =>
    value < 10 && !Number.isInteger(value) ? value.toFixed(1) : compact(value);
  return (
    <Meter share={budget.used / budget.limit} name={`Used of ${amount(budget.limit)} ${UNITS[budget.unit]}`}>
      <span className={styles.nowrap}>
        {amount(budget.used)} of {amount(budget.limit)} {UNITS[budget.unit]}
      </span>
    </Meter>
  );
}
