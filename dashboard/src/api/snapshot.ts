/** An exported page carries the answers that it needs; it asks nobody. */

/** Answers by address, and when they were taken. */
export interface Snapshot {
  taken_at: string;
  experiment: string;
  answers: Record<string, unknown>;
}

function read(): Snapshot | null {
  const text = document.getElementById("evomerge-snapshot")?.textContent?.trim();
  return text ? (JSON.parse(text) as Snapshot) : null;
}

/** What this page was exported with; null on a server. */
export const snapshot = read();

/** How an address is looked up: parameters in the order of their names. */
export function snapshotKey(address: string): string {
  const url = new URL(address, "http://snapshot");
  url.searchParams.sort();
  return url.pathname.replace(/^.*(?=\/api\/v1\/)/, "") + url.search;
}

const missing = {
  title: "Not part of this exported page",
  detail: "This exported page does not hold it.",
  status: 404,
};

export const snapshotFetch =
  snapshot === null
    ? undefined
    : async (request: Request): Promise<Response> => {
        const found = request.method === "GET" ? snapshot.answers[snapshotKey(request.url)] : undefined;
        return new Response(JSON.stringify(found ?? missing), { status: found === undefined ? 404 : 200 });
      };
