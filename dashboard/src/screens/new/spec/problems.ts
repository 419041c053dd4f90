/** What the server found wrong, and which field of the form shows it. */
import type { Problem } from "@/api/problem";
import { formatPath, type Path, parsePath } from "./paths";

export interface FieldProblem {
  path: Path;
  message: string;
}

/** Returns everything that an answer says is wrong with a spec, the first one first. */
export function fieldProblems(problem: Problem): FieldProblem[] {
  const found = problem.fields.map(({ field, problem: message }) => ({ path: placeIn(field), message }));
  if (found.length > 0) return found;
  if (problem.field === null) return [];
  const fix = problem.fix === null ? "" : `. To fix it: ${problem.fix}`;
  return [{ path: placeIn(problem.field), message: `${problem.message}${fix}` }];
}

/** The request's body holds the spec; whatever else is wrong with a request names its own place. */
const placeIn = (field: string): Path => parsePath(field.replace(/^body\.(spec\.)?/, ""));

/** Returns the deepest place on the way to `path` that the form shows, or null. */
export function shownAt(path: Path, isShown: (place: string) => boolean): string | null {
  for (let depth = path.length; depth > 0; depth--) {
    const place = formatPath(path.slice(0, depth));
    if (isShown(place)) return place;
  }
  return null;
}
