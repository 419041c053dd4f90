import { useId, useState } from "react";
import type { Schemas } from "@/api/client";
import { api } from "@/api/client";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import styles from "./actions.module.css";
import { Consequences } from "./Consequences";
import { exporting } from "./consequences";
import { useAction } from "./useAction";

interface Props {
  experiment: Schemas["ExperimentDetail"];
  /** The candidate to begin with; the winner, else the best, where it is left out. */
  candidate?: number;
  onDone: (said: string) => void;
  onClose: () => void;
}

/** A candidate as a checkpoint. */
export function ExportDialog({ experiment, candidate, onDone, onClose }: Props) {
  const first = candidate ?? experiment.outcome?.winner?.number ?? experiment.standings[0]?.number;
  const [typed, setTyped] = useState(first === undefined ? "" : String(first));
  const field = useId();
  const number = /^\d+$/.test(typed) ? Number(typed) : null;
  const change = useAction({
    experiment: experiment.id,
    request: typed,
    send: (key) =>
      api.POST("/api/v1/experiments/{experiment_id}/exports", {
        params: { path: { experiment_id: experiment.id }, header: { "Idempotency-Key": key } },
        body: { candidate: number },
      }),
    onDone: () => onDone(`Asked for an export of candidate ${typed}`),
  });
  return (
    <ConfirmDialog
      title="Export a checkpoint"
      action="Export"
      busy={change.isPending}
      disabled={number === null}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <Consequences experiment={experiment} sentences={exporting(experiment, number)} />
      <div className={styles.field}>
        <label htmlFor={field}>
          Candidate{experiment.outcome?.winner?.number === number ? " (the winner)" : ""}
        </label>
        <input
          id={field}
          type="number"
          min={0}
          max={experiment.progress.candidates - 1}
          step={1}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
    </ConfirmDialog>
  );
}
