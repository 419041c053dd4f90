/** What the catalog's short marks mean. */

/** How the work of a merge grows; the cheapest first. */
export const COSTS: Record<string, string> = {
  linear: "one pass over the weights",
  sort: "sorts each tensor",
  spectral: "factors each matrix (SVD)",
  iterative: "optimises each layer",
  calibration: "runs the models on examples",
};

export const DATA: Record<string, string> = {
  none: "no data",
  text: "example texts",
  labelled: "labelled examples",
};

/** What searches can make use of. */
export const LINEARITY: Record<string, string> = {
  LIN: "linear in its weights",
  "LIN/M": "linear once its masks are drawn",
  MAT: "linear with a matrix per layer",
  NL: "not linear",
};

/** How many experts it takes. */
export function experts(least: number, most: number | null): string {
  if (most === least) return String(least);
  return most === null ? `${least} or more` : `${least} to ${most}`;
}

/** The paper's page, where the number is one of arXiv. */
export const paperLink = (paper: string): string | null =>
  /^\d{4}\.\d{4,5}$/.test(paper) ? `https://arxiv.org/abs/${paper}` : null;

/** Whether texts together hold every word of a question. */
export function holds(question: string, ...texts: readonly (string | null)[]): boolean {
  const whole = texts.join(" ").toLowerCase();
  return question
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
}
