/** The comparison on untouched test items, as the driver recorded it. */

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

export interface Gain {
  difference: number;
  low: number;
  high: number;
  p_value: number;
}

export interface ReportModel {
  label: string;
  role: "base" | "expert" | "baseline" | "merge";
  overall: Interval;
  merge_minus_model: Gain | null;
  adjusted_p: number | null;
}

export interface Report {
  models: ReportModel[];
  n: number;
  merge: string;
  best_parent: string | null;
  best_baseline: string | null;
}

/** Reads the report of an outcome; null where there is none, as in experiments without test items. */
export function readReport(report: Record<string, unknown> | null | undefined): Report | null {
  const models = report?.models;
  if (!Array.isArray(models) || models.length === 0 || typeof report?.merge !== "string") return null;
  return report as unknown as Report;
}
