/** Axes, grids and legends that look the same in every plot. */
import { tick } from "@/format/numbers";
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
    axisLabel: {
      color: palette.muted,
      fontSize: 12,
      hideOverlap: true,
      // Places of a category axis are text.
      formatter: (value: number | string) => (typeof value === "number" ? tick(value) : value),
    },
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

/** For an axis that ends with its data: the last number would stand too close to a round one in front of it. */
export const endless = (palette: Palette): object => ({
  color: palette.muted,
  fontSize: 12,
  hideOverlap: true,
  showMaxLabel: false,
  formatter: tick,
});

/** Icons of lines in a legend, which ECharts would show as circles. */
export const LINE_ICON = "path://M0 5h22v3H0z";
export const DASH_ICON = "path://M0 5h6v3H0zM8 5h6v3H8zM16 5h6v3H16z";

export const legend = (palette: Palette, more: object = {}): object => ({
  type: "scroll",
  pageIconColor: palette.text,
  pageIconInactiveColor: palette.line,
  pageTextStyle: { color: palette.muted },
  top: 0,
  left: 0,
  itemWidth: 22,
  textStyle: { color: palette.text, fontSize: 12 },
  ...more,
});

/** A legend's entry for a line that has no symbols, which the legend would show all the same. */
export const lineEntry = (name: string): object => ({ name, itemStyle: { opacity: 0 } });

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
