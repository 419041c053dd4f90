/** Which ranges of which axes are chosen, and how the address of the page says so: `3:-0.5:1.2,fitness:0.4:0.6`. */
import type { Row } from "../coefficients/rows";

/** A coordinate's place, or the fitness. */
export type AxisKey = number | "fitness";
export interface Range {
  axis: AxisKey;
  low: number;
  high: number;
}

export function parseBrush(text: string | undefined): Range[] {
  return (text ?? "").split(",").flatMap((part) => {
    const [axis = "", low, high] = part.split(":");
    const range = {
      axis: axis === "fitness" ? axis : Number(axis),
      low: Number(low),
      high: Number(high),
    } as const;
    const whole =
      range.axis === "fitness" || (axis !== "" && Number.isInteger(range.axis) && range.axis >= 0);
    return whole && low && high && Number.isFinite(range.low) && Number.isFinite(range.high) ? [range] : [];
  });
}

export function brushText(ranges: readonly Range[]): string | undefined {
  const digits = (value: number) => String(Number(value.toPrecision(4)));
  return ranges.length === 0
    ? undefined
    : ranges.map(({ axis, low, high }) => `${axis}:${digits(low)}:${digits(high)}`).join(",");
}

/** Whether a row is in a range of every axis that has one. */
export function isInside(row: Row, ranges: readonly Range[]): boolean {
  const axes = new Set(ranges.map((range) => range.axis));
  return [...axes].every((axis) => {
    const value = axis === "fitness" ? row.fitness : row.values[axis];
    return (
      value != null &&
      ranges.some((range) => range.axis === axis && range.low <= value && value <= range.high)
    );
  });
}
