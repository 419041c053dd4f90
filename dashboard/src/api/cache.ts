import { QueryCache, QueryClient } from "@tanstack/react-query";
import { Problem } from "./problem";
import { snapshot } from "./snapshot";

/** A server that is restarted is back within seconds: what only failed to reach it is asked again for a while. */
function again(count: number, error: Error): boolean {
  return error instanceof Problem && error.unreachable && count < 4;
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({
    onError(error) {
      if (error instanceof Problem && error.status === 401) queryClient.setQueryData(["session"], null);
    },
  }),
  defaultOptions: {
    queries: {
      retry: again,
      staleTime: snapshot === null ? 2_000 : Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: snapshot === null,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
