/** The typed client of the API: types come from the committed OpenAPI document. */
import createClient, { type Middleware } from "openapi-fetch";
import { ROOT } from "@/root";
import { Problem } from "./problem";
import type { components, paths } from "./schema";
import { snapshotFetch } from "./snapshot";
import { noteVersion } from "./version";

export type Schemas = components["schemas"];

const raise: Middleware = {
  async onResponse({ response }) {
    noteVersion(response.headers.get("X-Evomerge-Version"));
    if (!response.ok) throw await Problem.from(response);
  },
  onError({ error }) {
    return new Problem({
      status: 0,
      code: "unreachable",
      detail: error instanceof Error ? error.message : String(error),
    });
  },
};

export const api = createClient<paths>({
  baseUrl: ROOT,
  fetch: snapshotFetch ?? ((request) => fetch(request)),
});
api.use(raise);

/** Returns the body of an answer; whatever is no success was thrown as a Problem before. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** A new key for a request that must take effect once, however often it is sent. */
export const newKey = (): string => crypto.randomUUID();
