/** Searched candidates from several answers, each once, in the order in which they were asked. */
import type { Schemas } from "@/api/client";

export interface Row {
  number: number;
  kind: Schemas["CandidateKind"];
  fitness: number | null;
  values: readonly number[];
}

/** Rows whose point has a value for each of the genes; others belong to no point of this space. */
export function rowsOf(genes: number, ...matrices: readonly Schemas["Coefficients"][]): Row[] {
  const rows = new Map<number, Row>();
  for (const matrix of matrices)
    matrix.number.forEach((number, i) => {
      const values = matrix.values[i] ?? [];
      if (values.length === genes)
        rows.set(number, {
          number,
          kind: matrix.kind[i] ?? "search",
          fitness: matrix.fitness[i] ?? null,
          values,
        });
    });
  return [...rows.values()].sort((a, b) => a.number - b.number);
}
