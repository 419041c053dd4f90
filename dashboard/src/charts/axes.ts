/** Axes, grids and legends that look the same in every plot. */
import type { Palette } from "./palette";

export const GRID = { left: 8, right: 16, top: 36, bottom: 8, outerBoundsMode: "same" } as const;

/** A value axis with a title in words. */
export function valueAxis(palette: Palette, name: string, more: object = {}): object {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameGap: 32,
    nameTextStyle: { color: palette.muted, fontSize: 12 },
    scale: true,
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: palette.muted, fontSize: 12, hideOverlap: true },
    splitLine: { lineStyle: { color: palette.line } },
    ...more,
  };
}

/** A category axis. */
export function categoryAxis(palette: Palette, data: readonly string[], more: object = {}): object {
  return {
    type: "category",
    data,
    axisLine: { lineStyle: { color: palette["line-strong"] } },
    axisTick: { show: false },
    axisLabel: { color: palette.muted, fontSize: 12 },
    ...more,
  };
}

export const legend = (palette: Palette, more: object = {}): object => ({
  top: 0,
  left: 0,
  itemWidth: 22,
  textStyle: { color: palette.text, fontSize: 12 },
  ...more,
});

export interface Unit {
  /** In seconds. */
  size: number;
  name: string;
}

/** The unit in which so many seconds are a number that people can read. */
export function unitOf(seconds: number): Unit {
  const units = [
    { size: 86_400, name: "days" },
    { size: 3600, name: "hours" },
    { size: 60, name: "minutes" },
  ];
  return units.find(({ size }) => seconds >= 2 * size) ?? { size: 1, name: "seconds" };
}
