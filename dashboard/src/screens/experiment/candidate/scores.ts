/** What a candidate reached on each split and task, put together from its evaluations on blocks of items. */
import type { Schemas } from "@/api/client";

type Evaluation = Schemas["EvaluationView"];

export interface TaskScore {
  split: Schemas["Split"];
  task: string;
  items: number;
  mean: number;
  /** Ends of the 95 % interval; null where an older version left out what it is reckoned from. */
  interval: { low: number; high: number } | null;
  /** Mean log-likelihood of the reference answers in nats. */
  referenceLogprob: number | null;
}

const SPLITS = ["search", "selection", "test"] as const;
const Z = 1.959964;

export function taskScores(evaluations: readonly Evaluation[]): TaskScore[] {
  const found: TaskScore[] = [];
  for (const split of SPLITS) {
    const done = evaluations.filter((one) => one.split === split && one.state === "done");
    const tasks = [...new Set(done.flatMap((one) => Object.keys(one.summary)))].sort();
    for (const task of tasks)
      found.push(
        pooled(
          split,
          task,
          done.flatMap((one) => one.summary[task] ?? []),
        ),
      );
  }
  return found;
}

function pooled(split: Schemas["Split"], task: string, parts: readonly Schemas["TaskScores"][]): TaskScore {
  const items = parts.reduce((sum, one) => sum + one.items, 0);
  const mean = parts.reduce((sum, one) => sum + one.items * one.score, 0) / items;
  const likely = parts.flatMap((one) => (one.reference_logprob === null ? [] : [one]));
  const weight = likely.reduce((sum, one) => sum + one.items, 0);
  return {
    split,
    task,
    items,
    mean,
    interval: intervalOf(parts, items, mean),
    referenceLogprob:
      weight === 0
        ? null
        : likely.reduce((sum, one) => sum + one.items * (one.reference_logprob as number), 0) / weight,
  };
}

/** Wilson's interval where all scores are 0 or 1, else Student's, cut to what shares can be: as reports have them. */
function intervalOf(parts: readonly Schemas["TaskScores"][], items: number, mean: number) {
  let squares = 0;
  for (const { items: n, score, stderr } of parts) {
    if (stderr == null && n > 1) return null;
    squares += (stderr ?? 0) ** 2 * n * (n - 1) + n * score ** 2;
  }
  const room = items * mean - squares;
  if (Math.abs(room) < 1e-6 * items) return wilson(mean, items);
  if (items < 2) return { low: mean, high: mean };
  const deviation = Math.sqrt(Math.max(squares - items * mean ** 2, 0) / (items - 1));
  const half = (student(items - 1) * deviation) / Math.sqrt(items);
  // Scores between 0 and 1 have squares that are no larger than they.
  const [least, most] = room > 0 ? [0, 1] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return { low: Math.max(mean - half, least), high: Math.min(mean + half, most) };
}

function wilson(mean: number, n: number): { low: number; high: number } {
  const center = (mean + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
  const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((mean * (1 - mean)) / n + Z ** 2 / (4 * n ** 2));
  return { low: center - half, high: center + half };
}

/** The 97.5 % quantile of Student's t (expansion by Cornish and Fisher), within 1 % from 3 degrees of freedom on. */
function student(freedom: number): number {
  return (
    Z +
    (Z ** 3 + Z) / (4 * freedom) +
    (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * freedom ** 2) +
    (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / (384 * freedom ** 3)
  );
}
