import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorNotice, Loading } from "./states";

interface Props<T> {
  query: Pick<UseQueryResult<T>, "data" | "error" | "refetch">;
  /** What is loaded: "the workers". */
  what: string;
  children: (data: T) => ReactNode;
}

/** What was asked for once it is there; before that it loads or has failed. */
export function Answer<T>({ query, what, children }: Props<T>) {
  if (query.data !== undefined) return children(query.data);
  return query.error ? (
    <ErrorNotice error={query.error} retry={() => query.refetch()} />
  ) : (
    <Loading what={what} />
  );
}
