import { useInfiniteQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { api, body } from "@/api/client";
import { snapshot } from "@/api/snapshot";

export const ORDERS = ["-number", "number", "-fitness"] as const;
export type Order = (typeof ORDERS)[number];

export interface Filters {
  order: Order;
  kind: Schemas["CandidateKind"] | undefined;
  state: Schemas["CandidateState"] | undefined;
}

const PAGE = 200;
const REFRESH_MS = 4_000;

/** Candidates page by page. Only the first page follows a running experiment: later ones would move as they are read. */
export function useCandidates(experiment: string, { order, kind, state }: Filters, running: boolean) {
  return useInfiniteQuery({
    // Not below the experiment's own key, so that an event does not read all pages again.
    queryKey: ["candidates", experiment, order, kind, state],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/api/v1/experiments/{experiment_id}/candidates", {
          params: {
            path: { experiment_id: experiment },
            query: {
              order,
              limit: PAGE,
              ...(kind && { kind }),
              ...(state && { state }),
              ...(pageParam && { cursor: pageParam }),
            },
          },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: ({ state: found }) =>
      running && snapshot === null && (found.data?.pages.length ?? 1) <= 1 ? REFRESH_MS : false,
    refetchOnWindowFocus: false,
  });
}
