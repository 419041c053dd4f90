import { Button } from "@/parts/Button";
import { type Field, helpOf } from "../spec/schema";
import { Fields } from "./Fields";
import styles from "./fields.module.css";
import { type FieldProps, useField } from "./form";
import { Problems } from "./Row";

type Group = Extract<Field, { kind: "group" }>;

/** Keys that belong together. */
export function GroupField({ path, schema, label, required, group }: FieldProps & { group: Group }) {
  const { value, set, id, problems } = useField(path);
  const absent = group.optional && (value === undefined || value === null);
  return (
    <fieldset className={styles.group} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>
        {label}
        {required ? <span className={styles.required}> required</span> : null}
      </legend>
      <p className={styles.help}>{helpOf(schema)}</p>
      <Problems id={`${id}-problems`} problems={problems} />
      {absent ? <Button onClick={() => set({})}>Set {label.toLowerCase()}</Button> : null}
      {absent ? null : <Fields path={path} schema={group.schema} />}
      {group.optional && !absent ? (
        <Button onClick={() => set(undefined)}>Leave out {label.toLowerCase()}</Button>
      ) : null}
    </fieldset>
  );
}
