/** Switches: keys with plain values, of which a method or algorithm says what they are. */
import { Button } from "@/parts/Button";
import { type KnownValue, sentence } from "../spec/catalog";
import { isObject } from "../spec/paths";
import { helpOf } from "../spec/schema";
import styles from "./fields.module.css";
import { type FieldProps, useField } from "./form";
import { ChoiceInput, NumberInput, PlainInput, TextInput } from "./inputs";
import { Problems, Row } from "./Row";

interface Props extends FieldProps {
  known: readonly KnownValue[];
  /** Whose switches these are; null before that is chosen. */
  of?: string | null;
}

export function ValuesField({ path, schema, label, known, of = null }: Props) {
  const { value, set, id, problems } = useField(path);
  const given = isObject(value) ? value : {};
  const others = Object.keys(given).filter((name) => !known.some((one) => one.name === name));
  if (known.length === 0 && others.length === 0)
    return (
      <div className={styles.group} id={id} tabIndex={-1}>
        <strong>{label}</strong>
        <p className={styles.help}>{of === null ? helpOf(schema) : `${of} has none.`}</p>
        <Problems id={`${id}-problems`} problems={problems} />
      </div>
    );
  return (
    <fieldset className={styles.group} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>{of === null ? label : `${label} of ${of}`}</legend>
      <p className={styles.help}>{helpOf(schema)}</p>
      <Problems id={`${id}-problems`} problems={problems} />
      <div className={styles.grid}>
        {known.map((one) => (
          <KnownField key={one.name} path={[...path, one.name]} known={one} />
        ))}
        {others.map((name) => (
          <UnknownField
            key={name}
            path={[...path, name]}
            name={name}
            remove={() => set(Object.fromEntries(Object.entries(given).filter(([key]) => key !== name)))}
            of={of}
          />
        ))}
      </div>
    </fieldset>
  );
}

function KnownField({ path, known }: { path: FieldProps["path"]; known: KnownValue }) {
  const { value, set, id, problems } = useField(path);
  const placeholder = known.left === undefined || known.left === "" ? undefined : String(known.left);
  return (
    <Row id={id} label={known.name} help={sentence(known.doc)} problems={problems}>
      {(control) => {
        const props = { control, value, set, placeholder };
        if (known.choices) return <ChoiceInput {...props} choices={known.choices} left={known.left} />;
        return known.kind === "number" ? <NumberInput {...props} /> : <TextInput {...props} />;
      }}
    </Row>
  );
}

interface UnknownProps {
  path: FieldProps["path"];
  name: string;
  of: string | null;
  remove: () => void;
}

function UnknownField({ path, name, of, remove }: UnknownProps) {
  const { value, set, id, problems } = useField(path);
  return (
    <Row id={id} label={name} help={of === null ? null : `${of} has no such switch.`} problems={problems}>
      {(control) => (
        <div className={styles.add}>
          <PlainInput control={control} value={value} set={set} />
          <Button onClick={remove} aria-label={`Remove ${name}`}>
            Remove
          </Button>
        </div>
      )}
    </Row>
  );
}
