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
