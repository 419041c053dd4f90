import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { useLive } from "@/live/useLive";

type Event = Schemas["EventView"];

export interface Place {
  /** Entries in front of this one. */
  before?: number | undefined;
  /** Entries behind this one; neither: the newest, as they come. */
  after?: number | undefined;
}

const PAGE = 100;
const END = 2 ** 31 - 1;

/** One page of the log, newest first; the newest page grows with the stream. */
export function useEvents(experiment: string, kinds: readonly Schemas["EventKind"][], place: Place) {
  const { recent } = useLive();
  const newest = place.before === undefined && place.after === undefined;
  const edge = place.after === undefined ? { before: place.before ?? END } : { after: place.after };
  const query = useQuery(
    partQuery(experiment, "events", { ...edge, limit: PAGE, ...(kinds.length > 0 && { kind: kinds }) }),
  );
  const page = query.data;
  const events = useMemo(() => {
    if (page === undefined) return [];
    const found = place.after === undefined ? page.events : [...page.events].reverse();
    return newest ? merged(recent, found, kinds) : found;
  }, [page, place.after, newest, recent, kinds]);
  return { query, events, newest, full: (page?.events.length ?? 0) === PAGE };
}

/** What the stream brought since the page was read, in front of it. */
export function merged(
  recent: readonly Event[],
  page: readonly Event[],
  kinds: readonly Schemas["EventKind"][],
): Event[] {
  const top = page[0]?.seq ?? 0;
  const fresh = recent.filter((one) => one.seq > top && (kinds.length === 0 || kinds.includes(one.kind)));
  return [...fresh.reverse(), ...page];
}
