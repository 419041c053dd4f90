import { choose, type Choice as Theme, useThemeChoice } from "@/look/theme";
import { Card } from "@/parts/Card";
import { Choice } from "@/parts/Choice";

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function Appearance() {
  return (
    <Card title="Appearance" reading="Kept in this browser only.">
      <Choice label="Theme" value={useThemeChoice()} choices={THEMES} onChange={choose} />
    </Card>
  );
}
