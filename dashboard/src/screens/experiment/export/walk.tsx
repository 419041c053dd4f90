/** Walks the pages of an experiment out of sight, so that everything they ask for is known. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRouter, RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import type { Schemas } from "@/api/client";
import { Problem } from "@/api/problem";
import type { Snapshot } from "@/api/snapshot";
import { ROOT } from "@/root";
import { routes } from "@/router";
import { addressesOf, isWorth, MOST } from "./addresses";
import { readOn, record } from "./recorder";

const LOOK_MS = 30;
/** A page has asked for all it needs when so many looks in a row found nothing on its way. */
const CALM_LOOKS = 4;
const LONGEST_MS = 60_000;

interface Walk {
  /** Told before each page: how many are done, and how many are known. */
  onProgress: (done: number, known: number) => void;
  signal: AbortSignal;
}

/**
 * Returns every answer that the pages of a finished experiment need.
 *
 * The pages themselves are shown, in an element that is in no document. So a page that asks for something new needs no
 * change here. Charts are not drawn there, for they are never in view.
 */
export async function walk(experiment: Schemas["ExperimentDetail"], { onProgress, signal }: Walk) {
  const client = readerClient();
  const waiting = addressesOf(experiment).map((address) => ROOT + address);
  const known = new Set(waiting);
  const history = createMemoryHistory({ initialEntries: [waiting[0] as string] });
  const router = createRouter({ routeTree: routes, history, basepath: ROOT || "/" });
  const place = document.createElement("div");
  const root = createRoot(place);
  const title = document.title;
  const recorder = record(experiment.id);
  try {
    root.render(
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>,
    );
    for (let done = 0; done < waiting.length; done += 1) {
      onProgress(done, waiting.length);
      history.push(waiting[done] as string);
      await settled(client, () => router.state.status === "idle", signal);
      for (const link of place.querySelectorAll("a[href]")) {
        const address = link.getAttribute("href") as string;
        if (known.has(address) || known.size >= MOST || !isWorth(experiment.id, address)) continue;
        known.add(address);
        waiting.push(address);
      }
    }
    await readOn(recorder);
  } finally {
    recorder.stop();
    root.unmount();
    client.clear();
    document.title = title;
  }
  const taken: Snapshot = {
    taken_at: new Date().toISOString(),
    experiment: experiment.id,
    answers: recorder.answers,
  };
  return taken;
}

/** The pages are walked as somebody who may only read, as the exported page is. */
function readerClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY, retry: 2, networkMode: "always" } },
  });
  client.setQueryData(["session"], { token_id: "", name: "", owner: "", scope: "read" });
  return client;
}

/** Waits until nothing is on its way; raises what failed for want of a server. */
async function settled(client: QueryClient, isIdle: () => boolean, signal: AbortSignal): Promise<void> {
  const end = Date.now() + LONGEST_MS;
  for (let calm = 0; calm < CALM_LOOKS; ) {
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
    signal.throwIfAborted();
    if (Date.now() > end) throw new Error("A page waited for an answer of the server for a minute.");
    calm = client.isFetching() === 0 && isIdle() ? calm + 1 : 0;
  }
  for (const { state } of client.getQueryCache().getAll())
    if (state.error instanceof Problem && state.error.unreachable) throw state.error;
}
