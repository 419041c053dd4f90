/** What is written of a new experiment: kept in this tab until it is submitted, so that a reload loses nothing. */
import { useEffect, useState } from "react";
import { newKey } from "@/api/client";
import { equal, isObject, type Json, type JsonObject, type Path, setAt } from "./spec/paths";
import { toForm, toSpec } from "./spec/transform";
import { type Mistake, readYaml, writeYaml } from "./spec/yaml";

export interface Draft {
  view: "form" | "yaml";
  /** The spec, as the form holds it. */
  form: JsonObject;
  /** The YAML as it was typed last, valid or not. */
  text: string;
  priority: Json;
}

const place = (start: string): string => `evomerge-new:${start}`;

function kept(start: string): Draft | null {
  const text = sessionStorage.getItem(place(start));
  if (text === null) return null;
  const found: unknown = JSON.parse(text);
  return isObject(found) && isObject(found.form) ? (found as unknown as Draft) : null;
}

/** `start` names where the draft began; each beginning has a draft of its own. */
export function useDraft(start: string, begin: JsonObject, text: string) {
  const fresh: Draft = { view: "form", form: toForm(begin), text, priority: 0 };
  const [draft, setDraft] = useState<Draft>(() => kept(start) ?? fresh);
  const [mistake, setMistake] = useState<Mistake | null>(null);
  const [untouched, written] = [JSON.stringify(fresh), JSON.stringify(draft)];
  useEffect(() => {
    // Only what somebody changed is kept: an untouched draft begins with what its beginning is by then.
    if (written === untouched) sessionStorage.removeItem(place(start));
    else sessionStorage.setItem(place(start), written);
  }, [start, written, untouched]);
  const update = (change: Partial<Draft>) => setDraft((old) => ({ ...old, ...change }));

  /** Takes over what the YAML says; returns whether it says anything. */
  async function read(typed: string): Promise<boolean> {
    const found = await readYaml(typed);
    setMistake("mistake" in found ? found.mistake : null);
    if ("spec" in found) setDraft((old) => (old.text === typed ? { ...old, form: toForm(found.spec) } : old));
    return "spec" in found;
  }

  return {
    draft,
    mistake,
    changed: !equal(draft.form, fresh.form),
    change: (path: Path, value: Json | undefined) =>
      setDraft((old) => ({ ...old, form: (setAt(old.form, path, value) ?? {}) as JsonObject })),
    type(typed: string): void {
      update({ text: typed });
      void read(typed);
    },
    setPriority: (priority: Json) => update({ priority }),
    /** Changes the view; the form is not shown while the YAML cannot be read. */
    async show(view: Draft["view"]): Promise<void> {
      if (view === "form") {
        if (await read(draft.text)) update({ view });
        return;
      }
      const spec = toSpec(draft.form);
      const found = await readYaml(draft.text);
      // What was typed stays as it is, comments and all, as long as it still says the same.
      const same = "spec" in found && equal(toSpec(toForm(found.spec)), spec);
      update({ view, text: same ? draft.text : await writeYaml(spec) });
      setMistake(null);
    },
    reset(): void {
      setMistake(null);
      setDraft(fresh);
    },
    forget: () => sessionStorage.removeItem(place(start)),
  };
}

const KEY = "evomerge-new-key";

/** Returns the key of a submission: the same one for as long as the same is submitted, also after a reload. */
export function submissionKey(body: string): string {
  const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as { key: string; body: string } | null;
  if (found?.body === body) return found.key;
  const key = newKey();
  sessionStorage.setItem(KEY, JSON.stringify({ key, body }));
  return key;
}

export const forgetKey = (): void => sessionStorage.removeItem(KEY);
