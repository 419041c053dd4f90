/** Is the merge better than what it was made of? One sentence that a person can quote, and the figures behind it. */
import type { Schemas } from "@/api/client";
import { count, difference, interval, score } from "@/format/numbers";
import type { Interval, Report, ReportModel } from "./report";

/** Ahead and behind are beyond chance: the difference's 95 % interval leaves out zero. */
export type Standing = "ahead" | "noise" | "behind";

interface Difference {
  difference: number;
  low: number;
  high: number;
}

export interface Opponent {
  role: "parent" | "plain merge";
  label: string;
  score: Interval;
  /** The merge minus this one on the same items; null where they share none. */
  gain: Difference | null;
  /** Of no difference, adjusted for all comparisons; null where it was not computed. */
  p: number | null;
}

export interface Verdict {
  /** Whether it was taken on untouched test items; otherwise it is how things stand on the search items. */
  settled: boolean;
  label: string;
  number: number | null;
  score: Interval;
  items: number;
  /** The best parent, then the best plain merge, where they are known. */
  opponents: readonly Opponent[];
}

export function standing(gain: Difference | null, p: number | null = null): Standing {
  if (gain === null || (p !== null && p >= 0.05)) return "noise";
  if (gain.low > 0) return "ahead";
  return gain.high < 0 ? "behind" : "noise";
}

export function verdictOf(report: Report, number: number | null): Verdict | null {
  const find = (label: string | null) => report.models.find((one) => one.label === label);
  const merge = find(report.merge);
  if (merge === undefined) return null;
  const against = (role: Opponent["role"], model: ReportModel | undefined): Opponent[] =>
    model === undefined
      ? []
      : [
          {
            role,
            label: model.label,
            score: model.overall,
            gain: model.merge_minus_model,
            p: model.adjusted_p,
          },
        ];
  return {
    settled: true,
    label: merge.label,
    number,
    score: merge.overall,
    items: report.n,
    opponents: [
      ...against("parent", find(report.best_parent)),
      ...against("plain merge", find(report.best_baseline)),
    ],
  };
}

interface Plain {
  label: string;
  score: Interval;
  gain: Difference | null;
}

/** How things stand on the search items, before there is a report. */
export function interim(headline: Schemas["Headline"], plain: Plain | null): Verdict | null {
  const { best, best_parent: parent } = headline;
  if (best === null) return null;
  const gain: Difference | null =
    headline.difference === null || headline.difference_low === null || headline.difference_high === null
      ? null
      : { difference: headline.difference, low: headline.difference_low, high: headline.difference_high };
  return {
    settled: false,
    label: best.label || `candidate ${best.number}`,
    number: best.number,
    score: best,
    items: best.items,
    opponents: [
      ...(parent === null || parent.number === best.number
        ? []
        : [{ role: "parent" as const, label: parent.label, score: parent, gain, p: null }]),
      ...(plain === null || plain.label === best.label
        ? []
        : [{ role: "plain merge" as const, ...plain, p: null }]),
    ],
  };
}

/** The whole verdict: the worst of its comparisons. */
export function overall(verdict: Verdict): Standing {
  const all = verdict.opponents.map((one) => standing(one.gain, one.p));
  if (all.includes("behind")) return "behind";
  return all.length === 0 || all.includes("noise") ? "noise" : "ahead";
}

const gainWords = (gain: Difference): string =>
  `${difference(gain.difference)} (95 % interval ${interval(gain.low, gain.high, difference)})`;

/** The verdict in one or two sentences. */
export function sentence(verdict: Verdict): string {
  const where = verdict.settled
    ? `on ${count(verdict.items)} untouched test items`
    : `on ${count(verdict.items)} search ${verdict.items === 1 ? "item" : "items"} so far`;
  const name = verdict.settled ? `The merge “${verdict.label}”` : `The best candidate, “${verdict.label}”,`;
  const scored = `${name} scores ${score(verdict.score.mean)} ${where}`;
  const versus = verdict.opponents
    .filter((one) => one.gain !== null)
    .map((one) => `${gainWords(one.gain as Difference)} against the best ${one.role}, ${one.label}`);
  return versus.length === 0 ? `${scored}.` : `${scored}: ${versus.join("; ")}.`;
}

/** The verdict in a few words. */
export function inWords(verdict: Verdict): string {
  if (verdict.opponents.length === 0)
    return verdict.settled ? "Nothing to compare it with" : "No comparison yet";
  const behind = verdict.opponents.find((one) => standing(one.gain, one.p) === "behind");
  if (behind) return `Worse than the best ${behind.role}`;
  const close = verdict.opponents.filter((one) => standing(one.gain, one.p) === "noise");
  if (close.length > 0)
    return `Not clearly better than the best ${close.map((one) => one.role).join(" or the best ")}`;
  return `Better than the best ${verdict.opponents.map((one) => one.role).join(" and the best ")}`;
}
