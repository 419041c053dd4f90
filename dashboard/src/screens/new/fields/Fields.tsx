/** The fields of a group: the usual ones, and the others folded away. */
import type { ReactNode } from "react";
import { getAt, isObject, type Path } from "../spec/paths";
import { labelOf, required, type Schema, USUAL } from "../spec/schema";
import styles from "./fields.module.css";
import { useForm } from "./form";
import { SchemaField } from "./SchemaField";

/** Shown only where a spec has them: a server refuses them. */
const UNUSUAL = new Set(["output", "callable"]);

interface Props {
  path: Path;
  schema: Schema;
  /** The keys to show; all of the schema's where it is left out. */
  keys?: readonly string[];
  /** Stands before the first field. */
  lead?: ReactNode;
}

export function Fields({ path, schema, lead, keys = Object.keys(schema.properties ?? {}) }: Props) {
  const form = useForm();
  const found = getAt(form.value, path);
  const set = new Set(isObject(found) ? Object.keys(found) : []);
  const shown = keys.filter((key) => set.has(key) || !UNUSUAL.has(key));
  const usual = USUAL[schema.title ?? ""]?.filter((key) => shown.includes(key)) ?? shown;
  const rest = shown.filter((key) => !usual.includes(key));
  const unknown = path.length === 0 ? [] : [...set].filter((key) => !(key in (schema.properties ?? {})));
  const chosen = rest.filter((key) => set.has(key)).length;
  const field = (key: string) => (
    <SchemaField
      key={key}
      path={[...path, key]}
      schema={schema.properties?.[key] ?? {}}
      label={labelOf(key)}
      required={required(schema, key)}
    />
  );
  return (
    <>
      <div className={styles.grid}>
        {lead}
        {[...usual, ...unknown].map(field)}
      </div>
      {rest.length > 0 ? (
        <details className={styles.more}>
          <summary>
            More settings
            <span className={styles.hint}>
              {chosen > 0
                ? ` ${chosen} of ${rest.length} set`
                : ` ${rest.map(labelOf).join(", ").toLowerCase()}`}
            </span>
          </summary>
          <div className={styles.grid}>{rest.map(field)}</div>
        </details>
      ) : null}
    </>
  );
}
