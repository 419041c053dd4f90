/** Which coordinates go with fitness: rank correlations (Spearman 1904), ties at their mean rank. */
import type { Row } from "../coefficients/rows";

/** Ranks from 0, equal values at the mean of theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number));
  const found = Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to] as number] === values[order[from] as number]) to++;
    for (let at = from; at < to; at++) found[order[at] as number] = (from + to - 1) / 2;
    from = to;
  }
  return found;
}

/** Spearman's rank correlation; 0 where one side is constant. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  const sum = (f: (i: number) => number) => x.reduce((total, _, i) => total + f(i), 0);
  const dx = (i: number) => (x[i] as number) - middle;
  const dy = (i: number) => (y[i] as number) - middle;
  const scale = Math.sqrt(sum((i) => dx(i) ** 2) * sum((i) => dy(i) ** 2));
  return scale === 0 ? 0 : sum((i) => dx(i) * dy(i)) / scale;
}

export interface Importance {
  gene: number;
  /** Rank correlation of the coordinate with fitness. */
  correlation: number;
}

/** The coordinates whose order agrees or disagrees most with that of fitness, at most `most` of them. */
export function mostImportant(rows: readonly Row[], genes: number, most: number): Importance[] {
  const scored = rows.filter((row) => row.fitness !== null);
  const fitness = scored.map((row) => row.fitness as number);
  return Array.from({ length: genes }, (_, gene) => ({
    gene,
    correlation: rankCorrelation(
      scored.map((row) => row.values[gene] as number),
      fitness,
    ),
  }))
    .sort((a, b) => Math.abs(b.correlation) - Math.abs(a.correlation) || a.gene - b.gene)
    .slice(0, most);
}
