/** A granularity in words, so that nobody has to know the notation by heart; null where it is none. */
export function readGranularity(text: string): string | null {
  const chunks = text.match(/^chunks:([1-9]\d*)$/);
  if (chunks)
    return `The model in depth order, cut into ${chunks[1]} pieces that carry equal shares of the change.`;
  const found = text.match(/^(global|layer|group:([1-9]\d*)|spline:([2-9]|[1-9]\d+))(\+module(\+other)?)?$/);
  if (!found) return null;
  const [, depth = "", group, spline, module, other] = found;
  const values =
    depth === "global"
      ? "One value for the whole model"
      : depth === "layer"
        ? "One value for every block"
        : group
          ? `One value for every ${group} blocks`
          : `${spline} values over the depth, joined by a smooth curve`;
  const apart = other
    ? "; attention, MLP, embeddings and norms each have their own"
    : module
      ? "; attention and MLP each have their own"
      : "";
  return `${values}${apart}.`;
}
