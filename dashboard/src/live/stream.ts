/** The event stream of one experiment, reconnected for as long as somebody looks at it. */
import type { Schemas } from "@/api/client";
import { ROOT } from "@/root";

export type ExperimentEvent = Schemas["EventView"];
export type Connection = "connecting" | "live" | "waiting" | "paused" | "ended";

const KINDS: readonly Schemas["EventKind"][] = [
  "state",
  "ask",
  "start",
  "tell",
  "measure",
  "infeasible",
  "lost",
  "decision",
  "control",
  "export",
];
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

interface Listener {
  onEvent(event: ExperimentEvent): void;
  onConnection(connection: Connection): void;
}

/**
 * Follows an experiment from the event behind `after` on, each event once and in order.
 *
 * The browser's own repetition ends for good when a proxy answers in the server's place, so this one repeats itself. A
 * hidden tab is not connected; it goes on where it was when it is looked at again.
 */
export function follow(experiment: string, after: number, listener: Listener): () => void {
  let last = after;
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = FIRST_WAIT_MS;
  let over = false;

  function close(): void {
    source?.close();
    source = null;
    clearTimeout(timer);
  }

  function open(): void {
    close();
    listener.onConnection("connecting");
    const opened = new EventSource(`${ROOT}/api/v1/experiments/${experiment}/events?after=${last}`);
    source = opened;
    opened.onopen = () => {
      wait = FIRST_WAIT_MS;
      listener.onConnection("live");
    };
    opened.onerror = () => {
      close();
      listener.onConnection("waiting");
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    };
    for (const kind of KINDS)
      opened.addEventListener(kind, (message: MessageEvent<string>) => {
        const event = JSON.parse(message.data) as ExperimentEvent;
        if (event.seq <= last) return;
        last = event.seq;
        listener.onEvent(event);
      });
    opened.addEventListener("end", () => {
      over = true;
      close();
      listener.onConnection("ended");
    });
  }

  function onVisibility(): void {
    if (over) return;
    if (document.hidden) {
      close();
      listener.onConnection("paused");
    } else open();
  }

  document.addEventListener("visibilitychange", onVisibility);
  if (document.hidden) listener.onConnection("paused");
  else open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    close();
  };
}
