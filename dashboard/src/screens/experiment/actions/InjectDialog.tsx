import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import type { Schemas } from "@/api/client";
import { api } from "@/api/client";
import { candidateQuery } from "@/api/queries";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import { useYaml } from "@/parts/useYaml";
import styles from "./actions.module.css";
import { Consequences } from "./Consequences";
import { injecting } from "./consequences";
import { useAction } from "./useAction";

interface Props {
  experiment: Schemas["ExperimentDetail"];
  onDone: (said: string) => void;
  onClose: () => void;
}

/** A merge that a person proposes, as YAML; it begins with the recipe of the best one. */
export function InjectDialog({ experiment, onDone, onClose }: Props) {
  const best = experiment.standings[0]?.number;
  const template = useQuery({ ...candidateQuery(experiment.id, best ?? 0), enabled: best !== undefined });
  const yaml = useYaml(template.data?.recipe);
  const [text, setText] = useState<string | null>(null);
  const [label, setLabel] = useState("");
  const field = useId();
  const shown = text ?? (template.data === undefined ? "" : (yaml ?? ""));
  const { recipe, problem } = useRecipe(shown);
  const body = { recipe: recipe ?? {}, ...(label.trim() === "" ? {} : { label: label.trim() }) };
  const change = useAction({
    experiment: experiment.id,
    request: JSON.stringify(body),
    send: (key) =>
      api.POST("/api/v1/experiments/{experiment_id}/candidates", {
        params: { path: { experiment_id: experiment.id }, header: { "Idempotency-Key": key } },
        body: { label: "injected", ...body },
      }),
    onDone: () => onDone(`Proposed “${body.label ?? "injected"}”`),
  });
  return (
    <ConfirmDialog
      title="Propose a merge"
      action="Propose"
      busy={change.isPending}
      disabled={recipe === null}
      error={change.error}
      onConfirm={() => change.mutate()}
      onClose={onClose}
    >
      <Consequences experiment={experiment} sentences={injecting(experiment)} />
      <div className={styles.field}>
        <label htmlFor={`${field}-label`}>Name in reports</label>
        <input
          id={`${field}-label`}
          maxLength={64}
          placeholder="injected"
          value={label}
          onChange={(event) => setLabel(event.target.value)}
        />
      </div>
      <div className={styles.field}>
        <label htmlFor={`${field}-recipe`}>Recipe, in YAML; what is left out is taken from the spec</label>
        <textarea
          id={`${field}-recipe`}
          rows={12}
          spellCheck={false}
          aria-invalid={problem !== null}
          aria-describedby={`${field}-problem`}
          value={shown}
          onChange={(event) => setText(event.target.value)}
        />
        <p id={`${field}-problem`} className={styles.problem} aria-live="polite">
          {problem}
        </p>
      </div>
    </ConfirmDialog>
  );
}

/** Reads YAML as a mapping, or says in which line it is none. */
function useRecipe(text: string): { recipe: Record<string, unknown> | null; problem: string | null } {
  const [read, setRead] = useState<ReturnType<typeof useRecipe>>({ recipe: null, problem: null });
  useEffect(() => {
    let gone = false;
    void import("yaml").then(({ parse }) => {
      if (gone) return;
      try {
        const found: unknown = parse(text);
        if (typeof found === "object" && found !== null && !Array.isArray(found))
          setRead({ recipe: found as Record<string, unknown>, problem: null });
        else setRead({ recipe: null, problem: text.trim() === "" ? null : "Write key: value lines." });
      } catch (error) {
        setRead({ recipe: null, problem: (error as Error).message.split("\n")[0] ?? "This is no YAML." });
      }
    });
    return () => {
      gone = true;
    };
  }, [text]);
  return read;
}
