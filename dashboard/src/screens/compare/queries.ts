import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, body } from "@/api/client";

export const comparisonQuery = (ids: readonly string[]) =>
  queryOptions({
    queryKey: ["compare", ids],
    queryFn: () =>
      body(
        api.GET("/api/v1/experiments/compare", { params: { query: { ids: ids.join(","), points: 500 } } }),
      ),
    enabled: ids.length > 0,
    // One more experiment should not make those that are shown go away.
    placeholderData: keepPreviousData,
  });

/** Experiments whose name or id holds `text`, the newest first. */
export const foundQuery = (text: string) =>
  queryOptions({
    queryKey: ["experiments", "found", text],
    queryFn: () =>
      body(
        api.GET("/api/v1/experiments", {
          params: { query: { limit: 12, ...(text === "" ? {} : { q: text }) } },
        }),
      ),
    placeholderData: keepPreviousData,
  });
