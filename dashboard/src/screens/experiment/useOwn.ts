import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { useMay } from "@/session/useScope";

/** Whether the session may change an experiment: its own with scope run, everybody's with scope admin. */
export function useOwn(experiment: Pick<Schemas["ExperimentDetail"], "owner">): boolean {
  const run = useMay("run");
  const admin = useMay("admin");
  const session = useQuery({ ...sessionQuery, enabled: snapshot === null });
  return admin || (run && session.data?.owner === experiment.owner);
}
