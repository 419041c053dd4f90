/** Keeps what is shown of an experiment fresh while it runs. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState } from "react";
import type { Schemas } from "@/api/client";
import { snapshot } from "@/api/snapshot";
import { type Connection, type ExperimentEvent, follow } from "./stream";

export interface Live {
  connection: Connection;
  /** When the newest data came, in milliseconds since the epoch. */
  freshAt: number;
  /** The latest events, the newest last; bounded. */
  recent: readonly ExperimentEvent[];
}

const KEPT = 200;
/** Numbers are asked for again at most this often, charts less often: their answers are larger. */
const NUMBERS_MS = 1_000;
const CHARTS_MS = 4_000;
const NUMBERS = new Set(["detail", "vitals", "candidate"]);

const LiveContext = createContext<Live>({ connection: "ended", freshAt: Date.now(), recent: [] });
export const LiveProvider = LiveContext.Provider;
export const useLive = (): Live => useContext(LiveContext);

/**
 * Follows an experiment; events become stale queries, many events one. Waits for `lastSeq`, where to begin.
 *
 * Only the state that it is opened in tells whether to follow: later the page often learns of the final state before the
 * stream is through, and what the last events change is still to be asked for then.
 */
export function useFollow(id: string, lastSeq: number | undefined, finalNow: boolean): Live {
  const client = useQueryClient();
  const [final] = useState(finalNow);
  const [live, setLive] = useState<Live>({
    connection: final ? "ended" : "connecting",
    freshAt: Date.now(),
    recent: [],
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the stream keeps its own place once it is open
  useEffect(() => {
    if (snapshot !== null || final || lastSeq === undefined) return;
    let pending: ExperimentEvent[] = [];
    let wasLive = false;
    const timers = new Map<"numbers" | "charts", ReturnType<typeof setTimeout>>();

    function refresh(kind: "numbers" | "charts", delay: number): void {
      if (timers.has(kind)) return;
      timers.set(
        kind,
        setTimeout(() => {
          timers.delete(kind);
          const taken = kind === "numbers" ? pending : [];
          if (kind === "numbers") pending = [];
          void client.invalidateQueries({
            queryKey: ["experiment", id],
            predicate: (query) => NUMBERS.has(String(query.queryKey[2])) === (kind === "numbers"),
          });
          setLive((old) => ({ ...old, freshAt: Date.now(), recent: [...old.recent, ...taken].slice(-KEPT) }));
        }, delay),
      );
    }

    const stop = follow(id, lastSeq, {
      onConnection: (connection) => {
        setLive((old) => ({ ...old, connection, freshAt: connection === "live" ? Date.now() : old.freshAt }));
        // What is shown was asked for when the stream was first opened; every event since then comes with it.
        if (connection === "ended" || (connection === "live" && wasLive)) {
          refresh("numbers", 0);
          refresh("charts", 0);
        }
        wasLive ||= connection === "live";
      },
      onEvent: (event) => {
        pending.push(event);
        refresh("numbers", event.kind === "state" ? 0 : NUMBERS_MS);
        refresh("charts", event.kind === "state" ? 0 : CHARTS_MS);
      },
    });
    return () => {
      stop();
      for (const timer of timers.values()) clearTimeout(timer);
    };
  }, [client, id, final, lastSeq === undefined]);
  return live;
}

/** Where an experiment stops for good. */
export const isFinal = (state: Schemas["ExperimentState"]): boolean =>
  state === "finished" || state === "failed" || state === "cancelled";
