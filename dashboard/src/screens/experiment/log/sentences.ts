/** Every entry of an experiment's record as one sentence. */
import type { Schemas } from "@/api/client";
import { count, score } from "@/format/numbers";

type Event = Schemas["EventView"];
type Kind = Schemas["EventKind"];
type Payload = Record<string, unknown>;

/** The kinds and how they read, in the order of the filter. */
export const KINDS: readonly (readonly [Kind, string])[] = [
  ["state", "States"],
  ["control", "What people did"],
  ["decision", "Decisions"],
  ["export", "Exports"],
  ["ask", "Proposals"],
  ["start", "Starts"],
  ["tell", "Search scores"],
  ["measure", "Other scores"],
  ["infeasible", "Infeasible"],
  ["lost", "Lost attempts"],
];

const PROPOSED: Record<string, string> = {
  baseline: "is to be scored: a parent or plain merge",
  search: "was proposed by the search",
  mean: "is the search’s mean",
  injected: "was proposed by a person",
};

const text = (value: unknown): string =>
  value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
const because = (reason: unknown): string => (text(reason) === "" ? "" : `: ${text(reason)}`);
const who = (by: unknown): string => text(by) || "somebody on the command line";
const names = (numbers: readonly unknown[]): string => numbers.map(text).join(", ");

function items(payload: Payload): string {
  const block = payload.block;
  return `the ${text(payload.split)} items${typeof block === "number" && block >= 0 ? `, block ${block + 1}` : ""}`;
}

function state(payload: Payload): string {
  const by = text(payload.driver) === "" ? "" : `, driven by ${text(payload.driver)}`;
  switch (payload.to) {
    case "created":
      return "The experiment was created";
    case "running":
      return payload.from === "created" ? `It began to run${by}` : `It went on${by}`;
    case "interrupted":
      return `It was interrupted${because(payload.error)}`;
    default:
      return `It is ${text(payload.to)}${because(payload.error)}`;
  }
}

function control(payload: Payload): string {
  const by = who(payload.by);
  switch (payload.action) {
    case "run":
      return `${by} asked it to run${because(payload.reason)}`;
    case "pause":
      return `${by} asked it to pause${because(payload.reason)}`;
    case "cancel":
      return `${by} cancelled it${because(payload.reason)}`;
    case "extend":
      return `${by} raised the budget: ${raised(payload.from as Payload, payload.to as Payload)}`;
    case "inject":
      return `${by} proposed a merge, “${text(payload.label)}”`;
    default:
      return `${by}: ${text(payload.action)}`;
  }
}

function raised(from: Payload, to: Payload): string {
  const changed = Object.keys(to).filter((key) => from[key] !== to[key]);
  return changed
    .map(
      (key) => `${key.replace("_", " ")} from ${count(from[key] as number)} to ${count(to[key] as number)}`,
    )
    .join(", ");
}

function tau(data: Payload): string {
  if (!Array.isArray(data.tau)) return "rank correlation cannot be told";
  const [mean, low, high] = data.tau.map((one) => Number(one).toFixed(2));
  return `rank correlation is ${mean} (${low} to ${high})`;
}

function generation(data: Payload): string {
  const [chosen, values] = [data.chosen, data.values].map((one) => ((one ?? []) as unknown[]).length);
  if (values === 0) return `${chosen} candidates were drawn, without screening`;
  return values === chosen
    ? `${chosen} candidates were drawn by lot and screened`
    : `${chosen} of ${values} points were chosen, ${text(data.lots)} of them by lot`;
}

function decision(payload: Payload): string {
  const name = text(payload.decision);
  const data = (payload.data ?? {}) as Payload;
  if (name.startsWith("race_")) {
    const dropped = Object.keys((data.dropped ?? {}) as Payload);
    return dropped.length === 0
      ? "Nobody dropped out of the race"
      : `Out of the race, clearly behind: ${names(dropped)}`;
  }
  if (/^screening_\d+$/.test(name)) return generation(data);
  switch (name) {
    case "screening_off":
      return `Screening is off: its scores do not rank candidates as exact ones do, Kendall’s ${tau(data)}`;
    case "search_start":
      return `The search starts at “${text(data.label)}”, candidate ${text(data.number)}`;
    case "prior":
      return data.prior === null
        ? `No prior${because(data.reason)}`
        : `A prior was chosen${because(data.reason)}`;
    case "search":
      return `Searched by ${text(data.algorithm)}, ${text(data.block_size)} items at a time${because(data.reason)}`;
    case "population":
      return `${data.width === 1 ? "Candidates are written in place" : `${text(data.width)} candidates at once, as adapters`}${because(data.reason)}`;
    case "finalists":
      return `Finalists: ${names((data.numbers ?? []) as unknown[])}`;
    case "winner":
      return `Candidate ${text(data.number)} was chosen`;
    case "report_rows":
      return `${((data.rows ?? []) as unknown[]).length} models are compared on the test items`;
    case "similarity":
      return "The parents’ similarity was measured";
    case "outcome":
      return "The outcome was recorded";
    default:
      return `Decided: ${name.replaceAll("_", " ")}`;
  }
}

function exported(payload: Payload): string {
  const subject = `candidate ${text(payload.number)}`;
  if (payload.state === "pending") return `${who(payload.by)} asked for an export of ${subject}`;
  if (payload.state === "ready") return `The export of ${subject} is ready`;
  return `The export of ${subject} ${text(payload.state)}${because(payload.error)}`;
}

/** What happened, in a sentence without its full stop. */
export function sentenceOf(event: Pick<Event, "kind" | "payload">): string {
  const { payload } = event;
  const subject = `Candidate ${text(payload.number)}`;
  const attempt = Number(payload.attempt ?? 1);
  switch (event.kind) {
    case "state":
      return state(payload);
    case "ask":
      return `${subject} ${PROPOSED[text(payload.kind)] ?? "was proposed"}${
        typeof payload.block === "number" && payload.block >= 0 ? `, on block ${payload.block + 1}` : ""
      }`;
    case "start":
      return `${text(payload.worker)} began candidate ${text(payload.number)} on ${items(payload)}${
        attempt > 1 ? ` (attempt ${attempt})` : ""
      }`;
    case "tell":
    case "measure":
      return typeof payload.fitness === "number"
        ? `${subject} scored ${score(payload.fitness)} on ${items(payload)}`
        : `${subject} was scored on ${items(payload)}`;
    case "infeasible":
      return `${subject} cannot be scored${because(payload.reason)}`;
    case "lost":
      return `Attempt ${attempt} at candidate ${text(payload.number)} was lost${because(payload.reason)}`;
    case "decision":
      return decision(payload);
    case "control":
      return control(payload);
    case "export":
      return exported(payload);
  }
}

/** The candidate that an entry is about. */
export const candidateOf = (event: Pick<Event, "payload">): number | null =>
  typeof event.payload.number === "number" ? event.payload.number : null;
