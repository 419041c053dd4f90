/** The spec as a form: one card for each of its sections. */
import { useMemo } from "react";
import { Card } from "@/parts/Card";
import { Stack } from "@/parts/Stack";
import { CUSTOM } from "./fields/custom";
import { Fields } from "./fields/Fields";
import styles from "./fields/fields.module.css";
import { FormContext, useField } from "./fields/form";
import { Entries } from "./fields/ListField";
import { Problems } from "./fields/Row";
import { Suggestions } from "./fields/Suggestions";
import type { Json, JsonObject, Path } from "./spec/paths";
import { fieldOf, labelOf, rootOf, type Schema, USUAL } from "./spec/schema";

const TITLES: Record<string, readonly [string, string]> = {
  blackbox: ["Black box", "Who turns numbers into scores."],
  merge: ["Merge method", "Which method combines the models, and what is searched of it."],
  tasks: [
    "Tasks",
    "What a merge should be good at. Each task's items are split into three sets that never mix.",
  ],
  search: ["Search and budget", "How candidates are proposed, and when the search ends."],
  workers: ["Workers", "What merges and scores candidates."],
};

interface Props {
  value: JsonObject;
  change: (path: Path, value: Json | undefined) => void;
  problems: ReadonlyMap<string, readonly string[]>;
}

export function SpecForm({ value, change, problems }: Props) {
  const root = rootOf(value);
  const keys = [...new Set([...(USUAL[root.title ?? ""] ?? []), ...Object.keys(root.properties ?? {})])];
  const sections = keys.filter((key) => isSection(root.properties?.[key] ?? {}));
  const form = useMemo(() => ({ value, change, problems, custom: CUSTOM }), [value, change, problems]);
  return (
    <FormContext value={form}>
      <Suggestions />
      <Stack>
        <Card
          title={"blackbox" in value ? "Name" : "Name and models"}
          reading={
            "blackbox" in value ? undefined : "The base, and the experts that were fine-tuned from it."
          }
        >
          <Fields path={[]} schema={root} keys={keys.filter((key) => !sections.includes(key))} />
        </Card>
        {sections.map((key) => (
          <Section key={key} name={key} schema={root.properties?.[key] ?? {}} />
        ))}
      </Stack>
    </FormContext>
  );
}

/** Large parts of a spec stand by themselves. */
function isSection(schema: Schema): boolean {
  const field = fieldOf(schema);
  return field.kind === "list" || (field.kind === "group" && field.short === null);
}

function Section({ name, schema }: { name: string; schema: Schema }) {
  const { id, problems } = useField([name]);
  const field = fieldOf(schema);
  const [title, reading] = TITLES[name] ?? [labelOf(name), schema.description ?? ""];
  return (
    <Card title={title} reading={reading}>
      <div id={id} tabIndex={-1} className={styles.section}>
        <Problems id={`${id}-problems`} problems={problems} />
        {field.kind === "group" ? <Fields path={[name]} schema={field.schema} /> : null}
        {field.kind === "list" ? <Entries path={[name]} label={title} entry={field.schema} /> : null}
      </div>
    </Card>
  );
}
