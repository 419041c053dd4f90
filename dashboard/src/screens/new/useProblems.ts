/** Brings what the server found wrong to the fields, or to the lines, that it is about. */
import { useCallback, useEffect, useRef, useState } from "react";
import { idOf } from "./fields/form";
import { formatPath } from "./spec/paths";
import { type FieldProblem, shownAt } from "./spec/problems";
import { lineOf } from "./spec/yaml";
import type { LineProblem } from "./YamlView";

const elementAt = (place: string) => document.getElementById(idOf(place));

/** Returns the problems by the field that shows them, and a way to the field of one. */
export function usePlaces(found: readonly FieldProblem[], view: "form" | "yaml") {
  const [problems, setProblems] = useState<ReadonlyMap<string, readonly string[]>>(new Map());
  const seen = useRef<readonly FieldProblem[]>([]);
  const goTo = useCallback((one: FieldProblem) => {
    const element = elementAt(shownAt(one.path, (place) => elementAt(place) !== null) ?? "");
    for (let up = element?.parentElement; up; up = up.parentElement)
      if (up instanceof HTMLDetailsElement) up.open = true;
    (element?.matches("input, select")
      ? element
      : (element?.querySelector<HTMLElement>("input, select") ?? element)
    )?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: "center" });
  }, []);
  useEffect(() => {
    const placed = new Map<string, string[]>();
    for (const one of view === "form" ? found : []) {
      const place = shownAt(one.path, (candidate) => elementAt(candidate) !== null);
      if (place !== null) placed.set(place, [...(placed.get(place) ?? []), one.message]);
    }
    setProblems(placed);
    // The focus goes to the first of new problems; those that are left after a change were seen before.
    const [first] = found;
    if (view === "form" && first && !seen.current.includes(first)) goTo(first);
    seen.current = found;
  }, [found, view, goTo]);
  return { problems, goTo };
}

/** Returns the problems by the line of the YAML that they are about. */
export function useLines(found: readonly FieldProblem[], text: string | null): readonly LineProblem[] {
  const [lines, setLines] = useState<readonly LineProblem[]>([]);
  useEffect(() => {
    if (text === null) return;
    let gone = false;
    void Promise.all(
      found.map(async (one) => ({
        line: await lineOf(text, one.path),
        message: `${formatPath(one.path)}: ${one.message}`,
      })),
    ).then((all) => {
      if (!gone) setLines(all);
    });
    return () => {
      gone = true;
    };
  }, [found, text]);
  return lines;
}
