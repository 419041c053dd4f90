/** Light, dark, or as the system has it; kept in this browser. */
import { useSyncExternalStore } from "react";

export type Choice = "system" | "light" | "dark";
export type Theme = "light" | "dark";

const KEY = "evomerge-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export function choice(): Choice {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function theme(): Theme {
  const chosen = choice();
  return chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
}

export function choose(chosen: Choice): void {
  if (chosen === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen);
  applyTheme();
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
  for (const tell of listeners) tell();
}

system.addEventListener("change", applyTheme);

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

/** The theme that is shown; what draws by itself (charts) draws again when it changes. */
export const useTheme = (): Theme => useSyncExternalStore(subscribe, theme);
export const useThemeChoice = (): Choice => useSyncExternalStore(subscribe, choice);
