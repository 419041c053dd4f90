import { useQuery } from "@tanstack/react-query";
import { decisionsQuery } from "@/api/queries";
import type { Decisions } from "./overview/progress";

/** What the driver has decided so far, by name. */
export function useDecisions(experiment: string): Decisions {
  const events = useQuery(decisionsQuery(experiment));
  return new Set(events.data?.events.map((one) => String(one.payload.decision)));
}
