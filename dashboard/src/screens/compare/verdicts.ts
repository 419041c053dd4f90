/** What is said of each of several experiments, line by line. */
import type { Schemas } from "@/api/client";
import { compact, count, difference, duration, interval, score } from "@/format/numbers";

type Compared = Schemas["Compared"];
type Score = Schemas["StandingScore"];
interface Interval {
  mean: number;
  low: number;
  high: number;
}

export interface Verdict {
  name: string;
  /** What it means. */
  reading: string;
  of: (one: Compared) => string;
}

const NONE = "–";
const withInterval = (one: Interval | null | undefined): string =>
  one == null ? NONE : `${score(one.mean)} (${interval(one.low, one.high)})`;
const standing = (one: Score | null | undefined): string =>
  one == null ? NONE : `${one.label || `candidate ${one.number}`}: ${withInterval(one)}`;

/** Parts of a report that are read here; the document says no more than that it is an object. */
interface Report {
  merge: string;
  best_parent: string | null;
  n: number;
  models: {
    label: string;
    overall: Interval;
    merge_minus_model: { difference: number; low: number; high: number } | null;
  }[];
}

const reportOf = ({ outcome }: Compared): Report | null => {
  const report = outcome?.report as Partial<Report> | null | undefined;
  return report?.merge === undefined ? null : (report as Report);
};

const UNITS = {
  evaluations: "evaluations",
  items: "items",
  generated_tokens: "tokens",
  hours: "hours",
} as const;

function budget({ experiment }: Compared): string {
  const use = experiment.headline?.budget;
  if (use == null) return NONE;
  return `${compact(use.used)} of ${compact(use.limit)} ${UNITS[use.unit]}`;
}

function onTest(one: Compared, label: string | null | undefined): string {
  const report = reportOf(one);
  return withInterval(report?.models.find((model) => model.label === label)?.overall);
}

function testGain(one: Compared): string {
  const report = reportOf(one);
  const versus = report?.models.find((model) => model.label === report.best_parent)?.merge_minus_model;
  return versus == null
    ? NONE
    : `${difference(versus.difference)} (${interval(versus.low, versus.high, difference)})`;
}

function gap({ outcome }: Compared): string {
  const scores = (outcome?.gap ?? {}) as Partial<Record<"search" | "selection" | "test", Interval>>;
  const held = scores.test ?? scores.selection;
  return scores.search === undefined || held === undefined
    ? NONE
    : difference(scores.search.mean - held.mean);
}

export const VERDICTS: readonly Verdict[] = [
  { name: "Budget", reading: "used of its nearest limit", of: budget },
  {
    name: "Candidates",
    reading: "scored of all",
    of: ({ experiment: { progress } }) => `${count(progress.scored)} of ${count(progress.candidates)}`,
  },
  {
    name: "Time",
    reading: "while it ran",
    of: ({ experiment }) => (experiment.seconds_spent > 0 ? duration(experiment.seconds_spent) : NONE),
  },
  {
    name: "Best",
    reading: "on the search items, with its 95 % interval",
    of: ({ experiment }) => standing(experiment.headline?.best),
  },
  {
    name: "Best parent",
    reading: "on the search items",
    of: ({ experiment }) => standing(experiment.headline?.best_parent),
  },
  {
    name: "Difference",
    reading: "on items that both were scored on; the search chose the best by them",
    of: ({ experiment: { headline } }) =>
      headline?.difference == null
        ? NONE
        : `${difference(headline.difference)} (${interval(headline.difference_low ?? Number.NaN, headline.difference_high ?? Number.NaN, difference)})`,
  },
  { name: "Gap", reading: "the winner's search score minus its score on fresh items", of: gap },
  { name: "Test", reading: "the winner on the test items", of: (one) => onTest(one, reportOf(one)?.merge) },
  {
    name: "Best parent on test",
    reading: "the better of base and experts",
    of: (one) => onTest(one, reportOf(one)?.best_parent),
  },
  { name: "Test difference", reading: "winner minus best parent: the result", of: testGain },
  {
    name: "Test items touched",
    reading: "experiments that were tested on them",
    of: ({ outcome }) =>
      outcome === null ? NONE : `${count(outcome.test_uses)} ${outcome.test_uses === 1 ? "time" : "times"}`,
  },
];
