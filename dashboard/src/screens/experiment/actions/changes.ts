/** What somebody else changed since a person looked. */
import type { Schemas } from "@/api/client";

type Detail = Schemas["ExperimentDetail"];

/** Sentences on what differs; none where the revision is the same. */
export function changes(seen: Detail, now: Detail): string[] {
  if (seen.revision === now.revision) return [];
  const found: string[] = [];
  if (seen.state !== now.state) found.push(`it is ${now.state} now, not ${seen.state}`);
  if (seen.wanted !== now.wanted)
    found.push(
      now.wanted === null ? "nobody asks anything of it any more" : `somebody asked it to ${now.wanted}`,
    );
  if (seen.priority !== now.priority)
    found.push(`its priority went from ${seen.priority} to ${now.priority}`);
  for (const [limit, total] of Object.entries(now.budget))
    if (seen.budget[limit] !== total)
      found.push(`its budget of ${limit.replace("_", " ")} went from ${seen.budget[limit]} to ${total}`);
  return found.length > 0 ? found : [`it went from revision ${seen.revision} to ${now.revision}`];
}
