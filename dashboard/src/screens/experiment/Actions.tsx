import type { Schemas } from "@/api/client";

/** What a person can do to the experiment in its present state. */
export function Actions({ experiment }: { experiment: Schemas["ExperimentDetail"] }) {
  return experiment.state === "running" ? null : null;
}
