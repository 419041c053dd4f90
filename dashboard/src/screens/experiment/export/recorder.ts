/** Writes down what the server answers about an experiment while its pages are walked. */
import type { Middleware } from "openapi-fetch";
import { api, body } from "@/api/client";
import { type Snapshot, snapshotKey } from "@/api/snapshot";

type Answers = Snapshot["answers"];

/** Further pages of a list that are kept besides its first. */
const MORE_PAGES = 4;

export interface Recorder {
  readonly answers: Answers;
  stop(): void;
}

/** Whether an address is about the experiment: others that are looked at meanwhile must not get into the file. */
export function isAbout(experiment: string, address: string): boolean {
  const { pathname, searchParams } = new URL(address);
  const path = pathname.replace(/^.*(?=\/api\/v1\/)/, "");
  if (path === "/api/v1/experiments") return searchParams.get("q") === experiment;
  return (
    path === `/api/v1/experiments/${experiment}` || path.startsWith(`/api/v1/experiments/${experiment}/`)
  );
}

export function record(experiment: string): Recorder {
  const answers: Answers = {};
  const middleware: Middleware = {
    async onResponse({ request, response }) {
      if (request.method === "GET" && response.ok && isAbout(experiment, request.url))
        answers[snapshotKey(request.url)] = await response.clone().json();
    },
  };
  api.use(middleware);
  return { answers, stop: () => api.eject(middleware) };
}

/** Reads on where lists go on, so far as the file should hold them; the last page that it holds says it is the last. */
export async function readOn({ answers }: Recorder): Promise<void> {
  for (const first of Object.keys(answers)) {
    let [key, page] = [first, answers[first] as { next?: unknown }];
    for (let more = 0; typeof page.next === "string"; more += 1) {
      if (more === MORE_PAGES) {
        answers[key] = { ...page, next: null };
        break;
      }
      const address = new URL(first, "http://snapshot");
      address.searchParams.set("cursor", page.next);
      key = snapshotKey(address.href);
      // Addresses of answers are none that the document knows by name.
      page = await body((api.GET as unknown as (path: string) => Promise<{ data?: typeof page }>)(key));
      answers[key] = page;
    }
  }
}
