/** What follows from an action, in sentences with the numbers of the experiment as it is. */
import type { Schemas } from "@/api/client";
import { compact, count, duration } from "@/format/numbers";
import { limits } from "../overview/progress";

type Detail = Schemas["ExperimentDetail"];

const many = (amount: number, one: string, several = `${one}s`): string =>
  `${count(amount)} ${amount === 1 ? one : several}`;

/** How much of the budget is used: "412 of 900 evaluations are used". */
export function used(experiment: Detail): string {
  const known = limits(experiment).filter((one) => one.used !== null);
  const parts = known.map((one) => `${amount(one.used as number)} of ${amount(one.limit)} ${one.unit}`);
  return parts.length === 0 ? "" : `Used so far: ${parts.join("; ")}.`;
}

const amount = (value: number): string =>
  value >= 100_000
    ? compact(value)
    : value < 10 && !Number.isInteger(value)
      ? value.toFixed(1)
      : count(value);

const finishing = ({ progress, state }: Detail): string =>
  state !== "running"
    ? "Nothing of it runs at the moment."
    : progress.running === 0
      ? "No evaluation runs at the moment."
      : `${many(progress.running, "running evaluation")} ${progress.running === 1 ? "finishes" : "finish"} first.`;

export const pausing = (experiment: Detail): string[] => [
  `${finishing(experiment)} Then its workers are free for others.`,
  used(experiment),
  "Everything that is scored stays; resuming goes on with the same next candidate.",
];

export const resuming = (experiment: Detail): string[] => [
  experiment.state === "running"
    ? "It was asked to pause and has not stopped yet: it simply goes on."
    : "It starts again as soon as workers are free. Nothing that is scored is scored again.",
  used(experiment),
];

export const cancelling = (experiment: Detail): string[] => [
  "This ends it for good: it cannot be resumed, only cloned.",
  finishing(experiment),
  `${many(experiment.progress.scored, "scored candidate")} and ${many(experiment.progress.done, "evaluation")} from ${duration(experiment.seconds_spent)} of work stay in the record. There will be no selection race, no test and no winner.`,
  used(experiment),
];

export const extending = (experiment: Detail): string[] => [
  used(experiment),
  "Limits can only rise, and only while the search is on. The search ends at the first limit that is reached.",
];

export const injecting = (experiment: Detail): string[] => [
  "The merge is scored on all search items beside the search and can win like any other candidate. The search is not told of it, and it costs nothing of the budget.",
  experiment.state === "running" ? "" : "It is scored once the experiment runs.",
];

export const exporting = (experiment: Detail, number: number | null): string[] => [
  number === null
    ? "The candidate is merged in full precision and written as a Hugging Face checkpoint, with its recipe and a model card."
    : `Candidate ${count(number)} is merged in full precision and written as a Hugging Face checkpoint, with its recipe and a model card.`,
  "It takes the disk space of one model on the server, and its memory while it is made. The files appear on the overview.",
  experiment.state === "running" ? "The search goes on meanwhile." : "",
];
