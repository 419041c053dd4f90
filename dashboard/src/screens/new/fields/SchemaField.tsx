/** The field of one key of the spec, of a kind that the schema decides. */
import type { ReactNode } from "react";
import { Button } from "@/parts/Button";
import { formatPath, type Json } from "../spec/paths";
import { defaultOf, type Field, fieldOf, helpOf, wrongNumber } from "../spec/schema";
import styles from "./fields.module.css";
import { type FieldProps, useField, useForm } from "./form";
import { GroupField } from "./GroupField";
import {
  ChoiceInput,
  NumberInput,
  PlainInput,
  RangeInput,
  SwitchInput,
  TextInput,
  WordsInput,
} from "./inputs";
import { ListField } from "./ListField";
import { MapField } from "./MapField";
import { Row } from "./Row";
import { listFor } from "./Suggestions";
import { ValuesField } from "./ValuesField";

export function SchemaField(props: FieldProps) {
  const { custom } = useForm();
  const Custom = custom[formatPath(props.path)];
  if (Custom) return <Custom {...props} />;
  const field = fieldOf(props.schema);
  if (field.kind === "group") return <GroupField {...props} group={field} />;
  if (field.kind === "list") return <ListField {...props} entry={field.schema} />;
  if (field.kind === "map") return <MapField {...props} entry={field.schema} />;
  if (field.kind === "values") return <ValuesField {...props} known={[]} />;
  return <ValueField {...props} />;
}

/** A single value. `note` stands below what the schema says of it. */
export function ValueField({ path, schema, label, required, note }: FieldProps & { note?: ReactNode }) {
  const { value, set, id, problems } = useField(path);
  const field = fieldOf(schema);
  const nested =
    typeof value === "object" && value !== null && field.kind !== "range" && field.kind !== "words";
  const wrong = field.kind === "number" && !nested ? wrongNumber(value, field.whole, field.limits) : null;
  return (
    <Row
      id={id}
      label={label}
      required={required}
      inline={field.kind === "switch"}
      short={field.kind === "number" || field.kind === "choice"}
      problems={wrong === null ? problems : [wrong, ...problems]}
      help={
        <>
          {helpOf(schema)}
          {note ? <span className={styles.note}>{note}</span> : null}
        </>
      }
    >
      {(control) =>
        nested ? (
          <Nested value={value} clear={() => set(undefined)} />
        ) : (
          <Input
            field={field}
            control={control}
            value={value}
            set={set}
            left={defaultOf(schema)}
            list={listFor(path)}
          />
        )
      }
    </Row>
  );
}

interface InputProps extends Pick<Parameters<typeof TextInput>[0], "control" | "value" | "set" | "list"> {
  field: Field;
  left: Json | undefined;
}

function Input({ field, left, ...props }: InputProps) {
  const placeholder = left === undefined || Array.isArray(left) ? undefined : String(left);
  if (field.kind === "switch") return <SwitchInput {...props} left={left === true} />;
  if (field.kind === "choice") return <ChoiceInput {...props} choices={field.choices} left={left} />;
  if (field.kind === "range") return <RangeInput {...props} />;
  if (field.kind === "words")
    return <WordsInput {...props} placeholder="several, with commas between them" />;
  if (field.kind === "number") return <NumberInput {...props} placeholder={placeholder} />;
  if (field.kind === "plain") return <PlainInput {...props} placeholder={placeholder} />;
  return <TextInput {...props} placeholder={placeholder} />;
}

/** Stands for what only the YAML can show. */
function Nested({ value, clear }: { value: Json; clear: () => void }) {
  return (
    <div className={styles.nested}>
      <code>{JSON.stringify(value)}</code>
      <span>Change it in the YAML view.</span>
      <Button onClick={clear}>Clear</Button>
    </div>
  );
}
