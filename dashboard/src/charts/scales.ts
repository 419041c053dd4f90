/** Colours of series and of amounts. */
import type { Palette } from "./palette";

/** The colour and the dash of series `index`: both, so that neither is needed alone. */
export function seriesLook(palette: Palette, index: number): { color: string; type: "solid" | number[] } {
  const color = palette[`series-${(index % 6) + 1}` as keyof Palette] as string;
  const dashes = ["solid", [6, 4], [2, 3], [10, 4, 2, 4]] as const;
  return { color, type: dashes[index % dashes.length] as "solid" | number[] };
}

/** Sequential and diverging scales that every kind of colour vision can read (after viridis and blue-orange). */
export const SEQUENTIAL = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];
export const DIVERGING = {
  light: ["#8a3b00", "#d9792b", "#f6c9a0", "#f4f5f7", "#a9c4f0", "#4478d2", "#123c8f"],
  dark: ["#ffb37a", "#c26a26", "#5f3a1f", "#242a35", "#263d6b", "#4a7ed8", "#a8c6ff"],
};

/** Shares from nothing, which is as the background, to many. */
export const AMOUNTS = { light: DIVERGING.light.slice(3), dark: DIVERGING.dark.slice(3) };

const channels = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

/** The colour at a share (0 to 1) of a scale. */
export function onScale(scale: readonly string[], share: number): string {
  const place = Math.min(Math.max(share, 0), 1) * (scale.length - 1);
  const left = Math.min(Math.floor(place), scale.length - 2);
  const [from, to] = [channels(scale[left] as string), channels(scale[left + 1] as string)];
  const mixed = from.map((value, i) => Math.round(value + ((to[i] as number) - value) * (place - left)));
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** Black or white, whichever reads better on a colour (relative luminance as in WCAG 2.2). */
export function inkOn(hex: string): string {
  const linear = channels(hex).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const [red = 0, green = 0, blue = 0] = linear;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#11151d" : "#ffffff";
}
