import { Button } from "@/parts/Button";
import { isObject, type Path } from "../spec/paths";
import { helpOf, labelOf, resolved, type Schema } from "../spec/schema";
import { Entry } from "./Entry";
import { Fields } from "./Fields";
import styles from "./fields.module.css";
import { type FieldProps, useField } from "./form";
import { Problems } from "./Row";

/** "Tasks" has entries that are each a "task". */
const one = (label: string): string => label.toLowerCase().replace(/s$/, "");

/** Several of one kind. */
export function ListField({ path, schema, label, entry }: FieldProps & { entry: Schema }) {
  const { id, problems } = useField(path);
  return (
    <fieldset className={styles.group} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>{label}</legend>
      <p className={styles.help}>{helpOf(schema)}</p>
      <Problems id={`${id}-problems`} problems={problems} />
      <Entries path={path} label={label} entry={entry} />
    </fieldset>
  );
}

export function Entries({ path, label, entry }: { path: Path; label: string; entry: Schema }) {
  const { value, set } = useField(path);
  const entries = Array.isArray(value) ? value : [];
  return (
    <>
      {entries.map((found, index) => (
        <Entry
          // biome-ignore lint/suspicious/noArrayIndexKey: an entry is its place in the spec
          key={index}
          path={[...path, index]}
          title={`${labelOf(one(label))} ${index + 1}${isObject(found) && typeof found.name === "string" ? `: ${found.name}` : ""}`}
          name={`${one(label)} ${index + 1}`}
          remove={() => set(entries.filter((_, at) => at !== index))}
        >
          <Fields path={[...path, index]} schema={resolved(entry)} />
        </Entry>
      ))}
      <div>
        <Button onClick={() => set([...entries, {}])}>Add a {one(label)}</Button>
      </div>
    </>
  );
}
