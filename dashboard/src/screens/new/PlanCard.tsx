/** Checks a spec, shows what a run of it would take, and submits it. */
import { useId } from "react";
import type { Schemas } from "@/api/client";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { ErrorNotice } from "@/parts/states";
import { NumberInput } from "./fields/inputs";
import styles from "./PlanCard.module.css";
import { PlanView } from "./PlanView";
import { formatPath, type Json } from "./spec/paths";
import type { FieldProblem } from "./spec/problems";

interface Props {
  plan: Schemas["Plan"] | null;
  /** Whether the plan is of the spec as it is now. */
  fresh: boolean;
  problems: readonly FieldProblem[];
  /** Shows the field of a problem; null where there are no fields. */
  goTo: ((problem: FieldProblem) => void) | null;
  error: Error | null;
  busy: "check" | "submit" | null;
  /** Why nothing can be sent. */
  blocked: string | null;
  priority: Json;
  setPriority: (value: Json) => void;
  check: () => void;
  submit: () => void;
}

export function PlanCard(props: Props) {
  const { plan, fresh, problems, goTo, error, busy, blocked } = props;
  const priority = useId();
  const ready = fresh && problems.length === 0;
  return (
    <aside className={styles.aside}>
      <Card
        title="Plan and submit"
        reading="Checking creates nothing: the server opens the models and tasks and works out what a run takes."
      >
        <div className={styles.body}>
          <div className={styles.actions}>
            <Button
              look={ready ? "plain" : "primary"}
              disabled={busy !== null || blocked !== null}
              onClick={props.check}
            >
              {busy === "check" ? "Checking…" : "Check and plan"}
            </Button>
            <Button
              look={ready ? "primary" : "plain"}
              disabled={!ready || busy !== null || blocked !== null}
              onClick={props.submit}
            >
              {busy === "submit" ? "Submitting…" : "Submit experiment"}
            </Button>
          </div>
          <p role="status" className={styles.status}>
            {blocked ?? statusOf(props)}
          </p>
          {problems.length > 0 ? <ProblemList problems={problems} goTo={goTo} /> : null}
          {error && problems.length === 0 ? <ErrorNotice error={error} /> : null}
          <div className={styles.priority}>
            <label htmlFor={priority}>Priority</label>
            <NumberInput
              control={{ id: priority, "aria-describedby": `${priority}-help` }}
              value={props.priority === 0 ? undefined : props.priority}
              set={(value) => props.setPriority(value ?? 0)}
              placeholder="0"
            />
            <span id={`${priority}-help`}>larger goes first</span>
          </div>
          {plan ? (
            <div className={fresh ? undefined : styles.old}>
              <PlanView plan={plan} />
            </div>
          ) : null}
        </div>
      </Card>
    </aside>
  );
}

function statusOf({ plan, fresh, problems, busy }: Props): string {
  if (busy === "check") return "The server is checking the spec; the first time takes a few seconds longer.";
  if (problems.length > 0) return problems.length === 1 ? "One problem:" : `${problems.length} problems:`;
  if (plan === null) return "Check the spec to see its plan, then submit it.";
  return fresh
    ? "The spec is valid. This is what a run takes:"
    : "The spec has changed since this plan was made. Check it again.";
}

function ProblemList({ problems, goTo }: Pick<Props, "problems" | "goTo">) {
  return (
    <ul className={styles.problems}>
      {problems.map((one) => (
        <li key={`${formatPath(one.path)} ${one.message}`}>
          {goTo ? (
            <button type="button" onClick={() => goTo(one)}>
              {formatPath(one.path)}
            </button>
          ) : (
            <code>{formatPath(one.path)}</code>
          )}
          <span>{one.message}</span>
        </li>
      ))}
    </ul>
  );
}
