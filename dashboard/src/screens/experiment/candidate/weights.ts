/** A recipe's coefficients in short: one row per parameter and model. */

export interface WeightRow {
  parameter: string;
  /** Null for a parameter of the whole merge. */
  model: string | null;
  values: readonly number[];
  low: number;
  mean: number;
  high: number;
}

function row(parameter: string, model: string | null, values: readonly number[]): WeightRow {
  return {
    parameter,
    model,
    values,
    low: Math.min(...values),
    mean: values.reduce((sum, one) => sum + one, 0) / values.length,
    high: Math.max(...values),
  };
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "number");

/** Reads the coefficients of a merge, or those of a black box. */
export function weights(recipe: Record<string, unknown>): WeightRow[] {
  const box = recipe.blackbox;
  if (typeof box === "object" && box !== null)
    return Object.entries(box).flatMap(([name, value]) =>
      typeof value === "number" ? [row(name, null, [value])] : [],
    );
  const rows: WeightRow[] = [];
  for (const [parameter, setting] of Object.entries((recipe.coefficients ?? {}) as object)) {
    if (isNumbers(setting)) rows.push(row(parameter, null, setting));
    else if (typeof setting === "object" && setting !== null)
      for (const [model, values] of Object.entries(setting))
        if (isNumbers(values)) rows.push(row(parameter, model, values));
  }
  return rows;
}
