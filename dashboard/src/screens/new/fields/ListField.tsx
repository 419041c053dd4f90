import { Button } from "@/parts/Button";
import { isObject } from "../spec/paths";
import { helpOf, resolved, type Schema } from "../spec/schema";
import { Fields } from "./Fields";
import styles from "./fields.module.css";
import { type FieldProps, useField } from "./form";
import { Problems } from "./Row";

/** "Tasks" has entries that are each a "task". */
const one = (label: string): string => label.toLowerCase().replace(/s$/, "");

/** Several of one kind. */
export function ListField({ path, schema, label, entry }: FieldProps & { entry: Schema }) {
  const { value, set, id, problems } = useField(path);
  const entries = Array.isArray(value) ? value : [];
  return (
    <fieldset className={styles.group} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>{label}</legend>
      <p className={styles.help}>{helpOf(schema)}</p>
      <Problems id={`${id}-problems`} problems={problems} />
      {entries.map((found, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an entry is its place in the spec
        <fieldset key={index} className={styles.entry}>
          <legend>
            {one(label)} {index + 1}
            {isObject(found) && typeof found.name === "string" ? `: ${found.name}` : ""}
          </legend>
          <Fields path={[...path, index]} schema={resolved(entry)} />
          <Button
            className={styles.remove}
            onClick={() => set(entries.filter((_, at) => at !== index))}
            aria-label={`Remove ${one(label)} ${index + 1}`}
          >
            Remove
          </Button>
        </fieldset>
      ))}
      <div>
        <Button onClick={() => set([...entries, {}])}>Add a {one(label)}</Button>
      </div>
    </fieldset>
  );
}
