/** The exported page: the built single-file page with the answers in it. */
import type { Snapshot } from "@/api/snapshot";
import { ROOT } from "@/root";

const OPEN = '<script type="application/json" id="evomerge-snapshot">';
const EMPTY = `${OPEN}</script>`;

/** Puts answers into the page. What they hold cannot end the element: models write whatever they like. */
export function fill(page: string, snapshot: Snapshot): string {
  if (!page.includes(EMPTY)) throw new Error("The server's page for exports has no place for the data.");
  const data = JSON.stringify(snapshot).replaceAll("<", "\\u003c");
  return page.replace(EMPTY, () => `${OPEN}${data}</script>`);
}

/** Reads the page that the server was built with. */
export async function emptyPage(): Promise<string> {
  // Files of that directory are kept for ever, but this one is called the same in every version.
  const response = await fetch(`${ROOT}/assets/single.html.gz`, { cache: "no-cache" });
  if (!response.ok || response.body === null)
    throw new Error(`The server has no page for exports (${response.status}).`);
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).text();
}
