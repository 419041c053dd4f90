/** What the map of coefficients can show: the best candidate, the search's mean, its spread, or real coefficients. */
import type { Schemas } from "@/api/client";
import { count } from "@/format/numbers";
import { type Gene, type Grid, gridOf, parseGene } from "./genes";

type Matrix = Schemas["Coefficients"];
export const VIEWS = ["best", "real", "mean", "spread"] as const;
export type View = (typeof VIEWS)[number];

export interface CoefficientData {
  genes: readonly Gene[];
  /** Searched candidates, the last first. */
  latest: Matrix;
  /** The winner where it was searched, else the fittest searched candidate; null where there is none. */
  candidate: Schemas["CandidateDetail"] | null;
  trace: Schemas["Trace"] | null;
  /** Labels of the slots of a recipe. */
  slots: readonly string[];
  winner: number | null;
}

export interface Shown extends Grid {
  /** One value per cell. */
  values: readonly (number | null)[];
  /** What the values are, as a sentence. */
  what: string;
  unit: "initial steps" | "real units";
  /** Whether they lie on both sides of where the search started. */
  signed: boolean;
}

const LATEST = 32;
const NOBODY = "No searched candidate has a score yet.";

const titleOf = ({ number }: { number: number }, { winner }: CoefficientData): string =>
  `Candidate ${count(number)}, ${number === winner ? "the winner" : "the fittest that was searched"}.`;

export const genesOf = (labels: readonly string[], models: readonly string[]): Gene[] =>
  labels.map((label, index) => parseGene(label, index, models));

/** What a view shows, or why it cannot. */
export function shownIn(view: View, data: CoefficientData): Shown | string {
  if (view === "real") return realCoefficients(data);
  const grid = gridOf(data.genes);
  const of = (values: readonly (number | null)[] | undefined) =>
    grid.cells.map(({ gene }) => (gene === null ? null : (values?.[gene] ?? null)));
  if (view === "best") {
    const { candidate } = data;
    if (candidate?.vector?.length !== data.genes.length) return NOBODY;
    return {
      ...grid,
      values: of(candidate.vector),
      what: titleOf(candidate, data),
      unit: "initial steps",
      signed: true,
    };
  }
  const rows = data.latest.values.filter((values) => values.length === data.genes.length).slice(0, LATEST);
  if (rows.length < 2) return "The search has not drawn enough candidates yet.";
  if (view === "mean") {
    const center = data.latest.kind.indexOf("mean");
    const found = data.latest.values[center];
    return found?.length === data.genes.length
      ? {
          ...grid,
          values: of(found),
          what: "The center of the search's distribution.",
          unit: "initial steps",
          signed: true,
        }
      : {
          ...grid,
          values: of(moments(rows).mean),
          what: `The mean of the latest ${rows.length} candidates.`,
          unit: "initial steps",
          signed: true,
        };
  }
  const traced = data.trace?.deviations.at(-1);
  return {
    ...grid,
    values: of(traced ?? moments(rows).deviation),
    what: traced
      ? "Standard deviations of the search's distribution now; what is still wide is still open."
      : `Standard deviations of the latest ${rows.length} candidates; what is still wide is still open.`,
    unit: "initial steps",
    signed: false,
  };
}

function moments(rows: readonly (readonly number[])[]): { mean: number[]; deviation: number[] } {
  const mean = (rows[0] ?? []).map((_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / rows.length);
  const deviation = mean.map((center, i) =>
    Math.sqrt(rows.reduce((sum, row) => sum + ((row[i] ?? 0) - center) ** 2, 0) / (rows.length - 1)),
  );
  return { mean, deviation };
}

/** The coefficients that a candidate's recipe holds, searched ones only. */
function realCoefficients(data: CoefficientData): Shown | string {
  const { candidate, slots } = data;
  if (candidate === null) return NOBODY;
  const searched = new Set(data.genes.map((gene) => gene.parameter));
  const found = settingsOf(candidate.recipe)
    .filter(([parameter]) => searched.has(parameter))
    .flatMap(([parameter, setting]) => {
      const owners: [string, readonly number[]][] = Array.isArray(setting)
        ? [["", setting]]
        : Object.entries(setting as Record<string, readonly number[]>);
      return owners.flatMap(([owner, values]) =>
        values.map((value, slot) => {
          const place = values.length === 1 ? "" : (slots[slot] ?? `slot ${slot}`);
          const label = [parameter, owner, place].filter(Boolean).join(" ");
          return { value, gene: { ...parseGene(label, 0, owner === "" ? [] : [owner]), index: null } };
        }),
      );
    });
  if (found.length === 0) return "The recipe of the best candidate has no coefficients of its own.";
  return {
    ...gridOf(found.map((one) => one.gene)),
    values: found.map((one) => one.value),
    what: titleOf(candidate, data),
    unit: "real units",
    signed: false,
  };
}

type Setting = readonly number[] | Record<string, readonly number[]>;

/** The coefficients of a merge by parameter, or those of a black box, which has one of each. */
function settingsOf({ coefficients, blackbox }: Record<string, unknown>): [string, Setting][] {
  if (coefficients) return Object.entries(coefficients as Record<string, Setting>);
  return Object.entries((blackbox ?? {}) as Record<string, number>).map(([name, value]) => [name, [value]]);
}
