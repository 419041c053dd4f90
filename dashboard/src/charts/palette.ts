/** The colours of charts, read from the same tokens as everything else. */
import { useMemo } from "react";
import { type Theme, useTheme } from "@/look/theme";

const NAMES = [
  "text",
  "muted",
  "line",
  "line-strong",
  "surface",
  "raised",
  "accent",
  "good",
  "bad",
  "warn",
  "up",
  "down",
  "noise",
  "series-1",
  "series-2",
  "series-3",
  "series-4",
  "series-5",
  "series-6",
] as const;

export type Palette = Record<(typeof NAMES)[number], string> & { theme: Theme };

/** The palette of the theme that is shown; the same object until the theme changes. */
export function usePalette(): Palette {
  const theme = useTheme();
  return useMemo(() => {
    const style = getComputedStyle(document.documentElement);
    const colours = NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]);
    return { theme, ...(Object.fromEntries(colours) as Record<(typeof NAMES)[number], string>) };
  }, [theme]);
}

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
