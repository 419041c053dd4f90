/** What the state of a search's normal distribution is shown by, each in a chart of its own. */
import type { Schemas } from "@/api/client";
import { coefficient, percent } from "@/format/numbers";

type Trace = Schemas["Trace"];
export const AXES = ["candidates", "updates", "items"] as const;
export type Axis = (typeof AXES)[number];

export interface Panel {
  id: "sigma" | "path" | "ratio" | "eigenvalues" | "bounds";
  title: string;
  reading: string;
  /** The name of the vertical axis. */
  unit: string;
  log: boolean;
  show: (value: number | null | undefined) => string;
  /** One column, or several of one meaning. */
  lines: (trace: Trace) => readonly (readonly (number | null)[])[];
  /** A level to compare with. */
  level?: (trace: Trace) => { value: number; name: string } | null;
  /** What the newest value says, in a sentence. */
  finding: (trace: Trace) => string;
}

const last = (column: readonly (number | null)[]): number | null =>
  column.findLast((one) => one !== null) ?? null;
const first = (column: readonly (number | null)[]): number | null =>
  column.find((one) => one !== null) ?? null;
const ratio = (value: number | null): string =>
  value === null
    ? "–"
    : value >= 1000
      ? value.toExponential(1).replace("e+", " × 10^")
      : value.toPrecision(3);

export const PANELS: readonly Panel[] = [
  {
    id: "sigma",
    title: "Step size σ",
    reading: "It falls as the search closes in; while it rises, the search still travels.",
    unit: "initial steps",
    log: true,
    show: coefficient,
    lines: (trace) => [trace.sigma],
    finding(trace) {
      const [from, now] = [first(trace.sigma), last(trace.sigma)];
      if (from === null || now === null) return "No step size is recorded yet.";
      return `σ is ${coefficient(now)}, ${percent(now / from)} of ${coefficient(from)} at the start.`;
    },
  },
  {
    id: "path",
    title: "Evolution path of σ",
    reading: "Above the dashed line steps agree and σ grows; below it they cancel out and σ falls.",
    unit: "length of the path",
    log: false,
    show: coefficient,
    lines: (trace) => [trace.path_length],
    level: ({ expected_path_length: value }) => (value === null ? null : { value, name: "of random steps" }),
    finding(trace) {
      const [now, expected] = [last(trace.path_length), trace.expected_path_length];
      if (now === null || expected === null) return "No path is recorded yet.";
      const words =
        now > 1.1 * expected
          ? "steps agree"
          : now < 0.9 * expected
            ? "steps cancel out"
            : "as of random steps";
      return `The path is ${coefficient(now)} long, that of random steps ${coefficient(expected)}: ${words}.`;
    },
  },
  {
    id: "ratio",
    title: "Axis ratio",
    reading: "How much longer the distribution is along its longest axis than along its shortest.",
    unit: "longest over shortest",
    log: true,
    show: (value) => ratio(value ?? null),
    lines: (trace) => [trace.axis_ratio],
    finding(trace) {
      const now = last(trace.axis_ratio);
      if (now === null) return "No axes are recorded yet.";
      const words =
        now > 1e6
          ? "so much that numbers may get lost"
          : now > 10
            ? "it has found directions that matter more"
            : "it is nearly round";
      return `The ratio is ${ratio(now)}: ${words}.`;
    },
  },
  {
    id: "bounds",
    title: "Bound hits",
    reading:
      "The share of coordinates that were drawn outside of their range and reflected; much of it asks for a wider range.",
    unit: "share of coordinates",
    log: false,
    show: percent,
    lines: (trace) => [trace.bound_hits],
    finding(trace) {
      const now = last(trace.bound_hits);
      return now === null
        ? "No draws are recorded yet."
        : `${percent(now)} of the latest draws were outside of their range${now > 0.2 ? ": widen the ranges" : ""}.`;
    },
  },
  {
    id: "eigenvalues",
    title: "Eigenvalues of the covariance",
    reading: "Lines that part show directions that the search has learned to take long or short steps in.",
    unit: "variance, without σ",
    log: true,
    show: (value) => ratio(value ?? null),
    lines: ({ eigenvalues }) =>
      (eigenvalues[0] ?? []).map((_, place) => eigenvalues.map((row) => row[place] ?? null)),
    finding({ eigenvalues }) {
      const now = (eigenvalues.at(-1) ?? []).filter((value): value is number => value !== null);
      return `From ${ratio(now.at(-1) ?? null)} to ${ratio(now[0] ?? null)} now; all are 1 in a round distribution.`;
    },
  },
];
