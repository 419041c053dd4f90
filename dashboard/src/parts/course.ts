interface Point {
  x: number;
  y: number;
  value: number;
}

/** Returns where the values of a course lie in a box, the highest on top; equal values lie in its middle. */
export function points(
  values: readonly (number | null)[],
  width: number,
  height: number,
  margin: number,
): Point[] {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const step = (width - 2 * margin) / Math.max(values.length - 1, 1);
  const round = (value: number) => Math.round(value * 10) / 10;
  return values.flatMap((value, index) => {
    if (value === null) return [];
    const share = high === low ? 0.5 : (value - low) / (high - low);
    return [
      { x: round(margin + index * step), y: round(height - margin - share * (height - 2 * margin)), value },
    ];
  });
}
