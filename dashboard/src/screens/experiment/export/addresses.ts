/** The pages of an experiment that an exported file should hold. */
import type { Schemas } from "@/api/client";

type Detail = Schemas["ExperimentDetail"];

/** Pages that links lead to besides these, such as older parts of the log. */
export const MOST = 120;
const TABS = [
  "",
  "candidates",
  "coefficients",
  "dynamics",
  "generalisation",
  "workers",
  "lineage",
  "log",
  "configuration",
];
const ORDERS = ["-number", "number", "-fitness"];
const KINDS = ["baseline", "search", "mean", "injected"];
const STATES = ["asked", "scored", "infeasible"];
const SPLITS = ["search", "selection", "test"];

/** Tabs, the list of candidates in each order and of each kind, and the best candidates on every set of items. */
export function addressesOf(experiment: Detail): string[] {
  const home = `/experiments/${experiment.id}`;
  const lists = ORDERS.flatMap((order) => [
    `order=${order}`,
    ...KINDS.map((kind) => `order=${order}&kind=${kind}`),
    ...STATES.map((state) => `order=${order}&state=${state}`),
  ]);
  const winner = experiment.outcome?.winner?.number;
  const best = [
    ...new Set([...(winner === undefined ? [] : [winner]), ...experiment.standings.map((one) => one.number)]),
  ];
  return [
    ...TABS.map((tab) => (tab === "" ? home : `${home}/${tab}`)),
    ...best.flatMap((number) => SPLITS.map((split) => `${home}/candidates/${number}?split=${split}`)),
    ...lists.map((query) => `${home}/candidates?${query}`),
  ];
}

/** Whether a link leads to a page of the experiment that is worth a place: its candidates are many. */
export function isWorth(experiment: string, link: string): boolean {
  const path = link.split("?")[0] ?? "";
  const home = `/experiments/${experiment}`;
  return path.endsWith(home) || (path.includes(`${home}/`) && !path.includes(`${home}/candidates`));
}
