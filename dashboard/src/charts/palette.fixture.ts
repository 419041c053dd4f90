/** A palette for tests: every colour is its own name. */
import type { Palette } from "./palette";

export const paletteForTests = new Proxy({} as Palette, {
  get: (_, name) => (name === "theme" ? "light" : String(name)),
});
