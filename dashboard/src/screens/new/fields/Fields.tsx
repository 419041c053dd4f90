/** The fields of a group: the usual ones, and the others folded away. */
import { getAt, isObject, type Path } from "../spec/paths";
import { labelOf, required, type Schema } from "../spec/schema";
import styles from "./fields.module.css";
import { useForm } from "./form";
import { SchemaField } from "./SchemaField";

/** What most people set, in this order; whatever else a schema has stands below "More". */
const USUAL: Record<string, readonly string[]> = {
  ExperimentSpec: ["name", "base_model", "models"],
  BlackboxExperiment: ["name"],
  MergeSpec: ["method", "granularity", "parameters"],
  ParameterSpec: ["init"],
  TaskSpec: ["task", "metric", "weight", "splits"],
  SearchSpec: ["budget", "algorithm", "seed"],
  WorkersSpec: ["engine", "count", "gpus", "dtype"],
  BlackboxSpec: ["url", "parameters", "items", "selection", "test", "workers"],
};
/** Shown only where a spec has them: a server refuses them. */
const UNUSUAL = new Set(["output", "callable"]);

interface Props {
  path: Path;
  schema: Schema;
  /** The keys to show; all of the schema's where it is left out. */
  keys?: readonly string[];
}

export function Fields({ path, schema, keys = Object.keys(schema.properties ?? {}) }: Props) {
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
      <div className={styles.grid}>{[...usual, ...unknown].map(field)}</div>
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
