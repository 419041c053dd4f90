import { useId, useState } from "react";
import type { Schemas } from "@/api/client";
import { api } from "@/api/client";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import styles from "./actions.module.css";
import { Consequences } from "./Consequences";
import { extending } from "./consequences";
import { ifMatch, useAction } from "./useAction";

const LIMITS = {
  evaluations: "Evaluations (passes over the search items)",
  items: "Scored items",
  generated_tokens: "Generated tokens",
  hours: "Hours",
} as const;
type Limit = keyof typeof LIMITS;

interface Props {
  experiment: Schemas["ExperimentDetail"];
  onDone: (said: string) => void;
  onClose: () => void;
}

/** More budget: new totals of the limits that there are. */
export function ExtendDialog({ experiment, onDone, onClose }: Props) {
  const present = experiment.budget as Partial<Record<Limit, number>>;
  const limited = (Object.keys(LIMITS) as Limit[]).filter((limit) => typeof present[limit] === "number");
  const [typed, setTyped] = useState<Partial<Record<Limit, string>>>({});
  const field = useId();
  const raised = limited.filter((limit) => Number(typed[limit] ?? 0) > (present[limit] as number));
  const total = (limit: Limit) => (raised.includes(limit) ? Number(typed[limit]) : null);
  const budget = {
    evaluations: total("evaluations"),
    items: total("items"),
    generated_tokens: total("generated_tokens"),
    hours: total("hours"),
  };
  const change = useAction({
    experiment: experiment.id,
    request: JSON.stringify(budget),
    send: (key) =>
      api.POST("/api/v1/experiments/{experiment_id}/extend", {
        params: {
          path: { experiment_id: experiment.id },
          header: { ...ifMatch(experiment.revision), "Idempotency-Key": key },
        },
        body: { budget },
      }),
    onDone: () => onDone("Raised the budget"),
  });
  return (
    <ConfirmDialog
      title="Extend the budget"
      action="Extend"
      busy={change.isPending}
      disabled={raised.length === 0}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <Consequences experiment={experiment} sentences={extending(experiment)} />
      {limited.map((limit) => (
        <div key={limit} className={styles.field}>
          <label htmlFor={`${field}-${limit}`}>{LIMITS[limit]}: new total</label>
          <input
            id={`${field}-${limit}`}
            type="number"
            inputMode="decimal"
            min={present[limit]}
            step={limit === "hours" ? "any" : 1}
            placeholder={String(present[limit])}
            value={typed[limit] ?? ""}
            onChange={(event) => setTyped({ ...typed, [limit]: event.target.value })}
          />
        </div>
      ))}
    </ConfirmDialog>
  );
}
