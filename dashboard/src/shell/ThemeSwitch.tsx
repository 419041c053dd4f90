import { type Choice, choose, useThemeChoice } from "@/look/theme";
import { Button } from "@/parts/Button";

const NEXT: Record<Choice, Choice> = { system: "light", light: "dark", dark: "system" };
const SIGNS: Record<Choice, string> = { system: "◐", light: "☀", dark: "☾" };

/** Goes round: as the system has it, light, dark. */
export function ThemeSwitch() {
  const now = useThemeChoice();
  return (
    <Button
      look="quiet"
      onClick={() => choose(NEXT[now])}
      aria-label={`Theme: ${now}. Switch to ${NEXT[now]}`}
    >
      <span aria-hidden="true">{SIGNS[now]}</span>
    </Button>
  );
}
