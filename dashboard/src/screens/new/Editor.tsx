/** The spec in its two views, and beside it what a run of it would take. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { Problem } from "@/api/problem";
import { Button } from "@/parts/Button";
import { Choice } from "@/parts/Choice";
import styles from "./Editor.module.css";
import { PlanCard } from "./PlanCard";
import { SpecForm } from "./SpecForm";
import { equal, type Json, type JsonObject, type Path } from "./spec/paths";
import { type FieldProblem, fieldProblems } from "./spec/problems";
import { toSpec } from "./spec/transform";
import { forgetKey, submissionKey, useDraft } from "./useDraft";
import { useLines, usePlaces } from "./useProblems";
import { YamlView } from "./YamlView";

interface Props {
  /** Names what the draft began with. */
  start: string;
  begin: JsonObject;
  text: string;
}

const VIEWS = [
  ["form", "Form"],
  ["yaml", "YAML"],
] as const;

export function Editor({ start, begin, text }: Props) {
  const edited = useDraft(start, begin, text);
  const { draft, mistake, change } = edited;
  const [found, setFound] = useState<readonly FieldProblem[]>([]);
  const [planned, setPlanned] = useState<{ spec: JsonObject; plan: Schemas["Plan"] } | null>(null);
  const { problems, goTo } = usePlaces(found, draft.view);
  const lines = useLines(found, draft.view === "yaml" ? draft.text : null);
  const spec = toSpec(draft.form);

  const onError = (error: Error) => setFound(error instanceof Problem ? fieldProblems(error) : []);
  const check = useMutation({
    mutationFn: (checked: JsonObject) =>
      body(
        api.POST("/api/v1/experiments/validate", {
          body: { spec: checked } as unknown as Schemas["SpecToCheck"],
        }),
      ),
    onMutate: () => setFound([]),
    onSuccess: (plan, checked) => setPlanned({ spec: checked, plan }),
    onError,
  });
  const submit = useSubmit(edited.forget, onError);

  const edit = useCallback(
    (path: Path, value: Json | undefined) => {
      setFound((old) =>
        old.some((one) => touches(one.path, path)) ? old.filter((one) => !touches(one.path, path)) : old,
      );
      change(path, value);
    },
    [change],
  );
  return (
    <div className={styles.editor}>
      <div className={styles.main}>
        <div className={styles.bar}>
          <Choice
            label="View"
            value={draft.view}
            choices={VIEWS}
            onChange={(view) => void edited.show(view)}
          />
          <Button
            look="quiet"
            disabled={!edited.changed && mistake === null}
            onClick={() => {
              setFound([]);
              edited.reset();
            }}
          >
            Start over
          </Button>
        </div>
        {draft.view === "form" ? (
          <SpecForm value={draft.form} change={edit} problems={problems} />
        ) : (
          <YamlView
            text={draft.text}
            type={(typed) => {
              setFound([]);
              edited.type(typed);
            }}
            mistake={mistake}
            problems={lines}
          />
        )}
      </div>
      <PlanCard
        plan={planned?.plan ?? null}
        fresh={planned !== null && equal(planned.spec, spec)}
        problems={found}
        goTo={draft.view === "form" ? goTo : null}
        error={submit.error ?? check.error}
        busy={check.isPending ? "check" : submit.isPending ? "submit" : null}
        blocked={mistake === null ? null : `The YAML cannot be read: line ${mistake.line}.`}
        priority={draft.priority}
        setPriority={edited.setPriority}
        check={() => {
          submit.reset();
          check.mutate(spec);
        }}
        submit={() => {
          check.reset();
          submit.mutate({ spec, priority: draft.priority });
        }}
      />
    </div>
  );
}

/** Whether a change at one place may solve a problem at another. */
const touches = (problem: Path, changed: Path): boolean =>
  problem.slice(0, changed.length).every((part, index) => part === changed[index]);

function useSubmit(forget: () => void, onError: (error: Error) => void) {
  const navigate = useNavigate();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (sent: { spec: JsonObject; priority: Json }) =>
      body(
        api.POST("/api/v1/experiments", {
          body: sent as unknown as Schemas["NewExperiment"],
          params: { header: { "Idempotency-Key": submissionKey(JSON.stringify(sent)) } },
        }),
      ),
    onSuccess: (experiment) => {
      forget();
      forgetKey();
      void client.invalidateQueries({ queryKey: ["experiments"] });
      void navigate({ to: "/experiments/$id", params: { id: experiment.id } });
    },
    onError,
  });
}
