import { useQuery } from "@tanstack/react-query";
import { partQuery } from "@/api/queries";
import type { Decisions } from "./overview/progress";

/** What the driver has decided so far, by name. */
export function useDecisions(experiment: string): Decisions {
  const events = useQuery(
    partQuery(experiment, "events", { kind: ["decision"], before: 2 ** 31 - 1, limit: 100 }),
  );
  return new Set(events.data?.events.map((one) => String(one.payload.decision)));
}
