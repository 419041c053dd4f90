/** What a person can do to an experiment in its present state, and why not what they cannot. */
import type { Schemas } from "@/api/client";
import { isFinal } from "@/live/useLive";
import { type Decisions, searchIsOver } from "../overview/progress";

type Detail = Pick<Schemas["ExperimentDetail"], "state" | "wanted" | "spec" | "progress">;

export type Action = "pause" | "resume" | "cancel" | "extend" | "inject" | "export";

/** Null where it can be done; undefined where it is not worth showing; else why it cannot be done now. */
export type Legal = Record<Action, string | null | undefined>;

export function legal(experiment: Detail, decisions: Decisions): Legal {
  return {
    pause: pausing(experiment),
    resume: resuming(experiment),
    cancel: isFinal(experiment.state)
      ? undefined
      : experiment.wanted === "cancel"
        ? "It is being cancelled"
        : null,
    extend: searching(experiment, decisions),
    inject: searching(experiment, decisions),
    export: exporting(experiment),
  };
}

function pausing({ state, wanted }: Detail): string | null | undefined {
  if (isFinal(state) || state === "paused" || wanted === "cancel") return undefined;
  return wanted === "pause" ? "It is being paused" : null;
}

function resuming({ state, wanted }: Detail): string | null | undefined {
  if (isFinal(state) || state === "created" || wanted === "cancel") return undefined;
  if (wanted === "pause") return null;
  if (state === "running") return undefined;
  return wanted === "run" ? "It goes on as soon as workers are free" : null;
}

function searching({ state, wanted }: Detail, decisions: Decisions): string | null | undefined {
  if (isFinal(state)) return undefined;
  if (wanted === "cancel") return "It is being cancelled";
  return searchIsOver(decisions) ? "Its search is over; clone it to go on from here" : null;
}

function exporting({ spec, progress }: Detail): string | null | undefined {
  if ("blackbox" in spec) return undefined;
  return progress.scored === 0 ? "No candidate has a score yet" : null;
}
