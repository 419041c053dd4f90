/** Which version answers: a page that is older than its server says so. */

let versions = { first: "", now: "" };
const listeners = new Set<() => void>();

/** Takes note of the version that an answer bears. */
export function noteVersion(found: string | null): void {
  if (found === null || found === versions.now) return;
  versions = { first: versions.first || found, now: found };
  for (const tell of listeners) tell();
}

export const currentVersions = () => versions;

export function onVersion(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
