/** The spec as YAML. */
import { useId, useRef } from "react";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import type { Mistake } from "./spec/yaml";
import styles from "./YamlView.module.css";

export interface LineProblem {
  line: number;
  message: string;
}

interface Props {
  text: string;
  type: (text: string) => void;
  mistake: Mistake | null;
  problems: readonly LineProblem[];
}

export function YamlView({ text, type, mistake, problems }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const shown = mistake ? [mistake] : problems;
  return (
    <Card
      title="Spec as YAML"
      reading="The same as the form, and what 'evomerge submit' reads. Comments stay until a field of the form is changed."
    >
      <label htmlFor={id} className="visually-hidden">
        Spec as YAML
      </label>
      <div className={styles.editor}>
        <pre className={styles.numbers} aria-hidden="true">
          {text.split("\n").map((_, index) => `${index + 1}\n`)}
        </pre>
        <textarea
          id={id}
          ref={area}
          value={text}
          rows={Math.max(text.split("\n").length + 1, 18)}
          wrap="off"
          spellCheck={false}
          aria-invalid={mistake !== null}
          aria-describedby={`${id}-problems`}
          onChange={(event) => type(event.target.value)}
        />
      </div>
      <div id={`${id}-problems`} role="alert">
        {shown.length > 0 ? (
          <ul className={styles.problems}>
            {shown.map((one) => (
              <li key={`${one.line} ${one.message}`}>
                <Button onClick={() => select(area.current, one.line)}>Line {one.line}</Button>
                <span>{one.message}</span>
              </li>
            ))}
          </ul>
        ) : null}
      </div>
      {mistake ? (
        <p className={styles.note}>The text stays as it is. The form opens again once it is valid YAML.</p>
      ) : null}
    </Card>
  );
}

/** Puts the cursor on a line. */
function select(area: HTMLTextAreaElement | null, line: number): void {
  if (area === null) return;
  const before = area.value.split("\n").slice(0, line - 1);
  const start = before.reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (area.value.split("\n")[line - 1]?.length ?? 0));
}
