/** What the screens read, each under one key, so that an event can say which of them are stale. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, body, type Schemas } from "./client";
import type { paths } from "./schema";

/** The parts of an experiment that can be asked for with GET and no further path parameter. */
type Part = {
  [P in keyof paths]: P extends `/api/v1/experiments/{experiment_id}/${infer Name}`
    ? paths[P] extends { get: { responses: { 200: { content: { "application/json": unknown } } } } }
      ? Name extends `${string}{${string}`
        ? never
        : Name
      : never
    : never;
}[keyof paths];
type Get<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer Found } } } };
}
  ? Found
  : never;
type PathOf<N extends Part> = `/api/v1/experiments/{experiment_id}/${N}`;
/** The answer of a part of an experiment. */
export type PartData<N extends Part> = Get<PathOf<N> & keyof paths>;
type Parameters = Record<string, string | number | boolean | readonly string[] | undefined>;

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: () => body(api.GET("/api/v1/session")),
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

/** Which experiments are listed. */
export interface ExperimentFilter {
  q?: string | undefined;
  state?: Schemas["ExperimentState"] | undefined;
  owner?: string | undefined;
  limit?: number;
}

/** Experiments, newest first, page after page. */
export const experimentsQuery = (filter: ExperimentFilter) =>
  infiniteQueryOptions({
    queryKey: ["experiments", filter],
    queryFn: ({ pageParam }) => {
      const given = Object.entries({ ...filter, cursor: pageParam }).filter(([, value]) => value != null);
      return body(api.GET("/api/v1/experiments", { params: { query: Object.fromEntries(given) } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });

export const experimentQuery = (id: string) =>
  queryOptions({
    queryKey: ["experiment", id, "detail"],
    queryFn: () =>
      body(api.GET("/api/v1/experiments/{experiment_id}", { params: { path: { experiment_id: id } } })),
  });

/** One part of an experiment, such as its series: `partQuery(id, "series", { points: 500 })`. */
export const partQuery = <N extends Part>(id: string, part: N, query: Parameters = {}) =>
  queryOptions({
    queryKey: ["experiment", id, part, query],
    queryFn: () =>
      // The name is checked against the document above; the client's own types cannot follow a template.
      body(
        (api.GET as unknown as (path: string, options: object) => Promise<{ data?: PartData<N> }>)(
          `/api/v1/experiments/{experiment_id}/${part}`,
          { params: { path: { experiment_id: id }, query } },
        ),
      ),
  });

/** Where the ledger ended when the page was opened: what comes later is streamed. */
export const lastEventQuery = (id: string) =>
  queryOptions({ ...partQuery(id, "events", { limit: 1 }), staleTime: Number.POSITIVE_INFINITY });

/** The line that a list has of one experiment. */
export const headlineQuery = (id: string) =>
  queryOptions({
    queryKey: ["experiment", id, "headline"],
    queryFn: async () => {
      const page = await body(api.GET("/api/v1/experiments", { params: { query: { q: id, limit: 1 } } }));
      return page.experiments[0]?.headline ?? null;
    },
  });

/** Newer than any entry of a ledger. */
const NEWEST = 2 ** 31 - 1;

/** What the driver has decided so far. */
export const decisionsQuery = (id: string) =>
  partQuery(id, "events", { kind: ["decision"], before: NEWEST, limit: 100 });

/** What the latest entries of the history are about. */
export const HISTORY_KINDS = ["state", "control", "export"] as const;

export const historyQuery = (id: string) =>
  partQuery(id, "events", { kind: HISTORY_KINDS, before: NEWEST, limit: 8 });

/** The fitness of candidates in 500 buckets, and in so few that quantiles of one say something. */
export const seriesQuery = (id: string) => partQuery(id, "series", { points: 500 });
export const wideSeriesQuery = (id: string) => partQuery(id, "series", { points: 24 });
export const pointsQuery = (id: string) => partQuery(id, "points", { limit: 2000 });

export const candidateQuery = (id: string, number: number) =>
  queryOptions({
    queryKey: ["experiment", id, "candidate", number],
    queryFn: () =>
      body(
        api.GET("/api/v1/experiments/{experiment_id}/candidates/{number}", {
          params: { path: { experiment_id: id, number } },
        }),
      ),
  });

export const methodsQuery = queryOptions({
  queryKey: ["methods"],
  queryFn: () => body(api.GET("/api/v1/methods")),
  staleTime: Number.POSITIVE_INFINITY,
});

export const algorithmsQuery = queryOptions({
  queryKey: ["algorithms"],
  queryFn: () => body(api.GET("/api/v1/algorithms")),
  staleTime: Number.POSITIVE_INFINITY,
});

export const modelsQuery = queryOptions({
  queryKey: ["models"],
  queryFn: () => body(api.GET("/api/v1/models")),
});

export const tasksQuery = queryOptions({
  queryKey: ["tasks"],
  queryFn: () => body(api.GET("/api/v1/tasks")),
});
