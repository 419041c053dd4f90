import type { Schemas } from "@/api/client";
import { api } from "@/api/client";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import { Consequences } from "./Consequences";
import { cancelling, pausing, resuming } from "./consequences";
import { ifMatch, useAction } from "./useAction";

type Detail = Schemas["ExperimentDetail"];
export type Control = "pause" | "resume" | "cancel";

const TEXTS = {
  pause: { title: "Pause the experiment?", action: "Pause", said: "Asked it to pause", of: pausing },
  resume: { title: "Resume the experiment?", action: "Resume", said: "Asked it to run", of: resuming },
  cancel: {
    title: "Cancel the experiment for good?",
    action: "Cancel the experiment",
    said: "Asked it to end",
    of: cancelling,
  },
} as const;

interface Props {
  control: Control;
  experiment: Detail;
  onDone: (said: string) => void;
  onClose: () => void;
}

/** Pause, resume or cancel. */
export function ControlDialog({ control, experiment, onDone, onClose }: Props) {
  const { title, action, said, of } = TEXTS[control];
  const change = useAction({
    experiment: experiment.id,
    send: () =>
      api.POST(`/api/v1/experiments/{experiment_id}/${control}`, {
        params: { path: { experiment_id: experiment.id }, header: ifMatch(experiment.revision) },
      }),
    onDone: () => onDone(said),
  });
  return (
    <ConfirmDialog
      title={title}
      action={action}
      danger={control === "cancel"}
      busy={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <Consequences experiment={experiment} sentences={of(experiment)} />
    </ConfirmDialog>
  );
}
