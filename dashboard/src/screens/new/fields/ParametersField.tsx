/** How each parameter of the merge method is chosen: searched in a range, or fixed. */
import { useId } from "react";
import type { Schemas } from "@/api/client";
import { Button } from "@/parts/Button";
import { type Mode, modesOf, type Parameter, parametersOf, shownMode, withMode } from "../spec/parameters";
import { isObject, type Json, type Path } from "../spec/paths";
import { fieldOf, helpOf, type Schema } from "../spec/schema";
import { Fields } from "./Fields";
import styles from "./fields.module.css";
import { type FieldProps, useField } from "./form";
import { Problems } from "./Row";
import { ValueField } from "./SchemaField";

/** What a parameter has one value for. */
const SCOPES: Record<string, string> = {
  model: "for each expert",
  merge: "for the merge",
  step: "for each step",
};

export function ParametersField({
  path,
  schema,
  label,
  methods,
}: FieldProps & { methods: Schemas["MethodView"][] }) {
  const { value, set, id, problems } = useField(path);
  const field = fieldOf(schema);
  if (field.kind !== "map") return null;
  const entry = fieldOf(field.schema);
  if (entry.kind !== "group") return null;
  const given = isObject(value) ? value : {};
  const known = parametersOf(methods);
  const still = known.filter((one) => !one.searched && !(one.name in given));
  const named = known.filter((one) => !still.includes(one));
  const row = (one: Parameter) => (
    <ParameterRow key={one.name} path={[...path, one.name]} parameter={one} schema={entry.schema} />
  );
  const others = Object.keys(given).filter((name) => !known.some((one) => one.name === name));
  return (
    <fieldset className={styles.group} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>{label}</legend>
      <p className={styles.help}>
        {known.length === 0 ? "Choose a method to see what can be searched." : helpOf(schema)}
      </p>
      <Problems id={`${id}-problems`} problems={problems} />
      {named.map(row)}
      {still.length > 0 ? (
        <details className={styles.more}>
          <summary>
            Parameters that stay as they are
            <span className={styles.hint}>{still.map((one) => one.name).join(", ")}</span>
          </summary>
          {still.map(row)}
        </details>
      ) : null}
      {others.map((name) => (
        <p key={name} className={styles.nested} id={`${id}-${name}`}>
          <code>{name}</code>
          <span>{methods.length === 0 ? "is set." : "is set, but the method has no such parameter."}</span>
          <Button
            onClick={() => set(Object.fromEntries(Object.entries(given).filter(([key]) => key !== name)))}
            aria-label={`Remove ${name}`}
          >
            Remove
          </Button>
        </p>
      ))}
    </fieldset>
  );
}

function ParameterRow({ path, parameter, schema }: { path: Path; parameter: Parameter; schema: Schema }) {
  const { value, set, id, problems } = useField(path);
  const select = useId();
  const mode = shownMode(value, parameter);
  const searched = mode === "own" || mode === "range" || (mode === "left" && parameter.searched);
  const property = (key: string) => ({
    path: [...path, key],
    schema: schema.properties?.[key] ?? {},
    required: false,
  });
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be a grid with its legend in a cell
    <div className={styles.parameter} role="group" aria-labelledby={`${id}-name`} id={id} tabIndex={-1}>
      <div>
        <h3 id={`${id}-name`}>{parameter.name}</h3>
        <p className={styles.help}>
          One {SCOPES[parameter.scope] ?? parameter.scope}. {parameter.doc}
        </p>
        <Problems id={`${id}-problems`} problems={problems} />
      </div>
      <div className={styles.section}>
        <div className={styles.row}>
          <label htmlFor={select}>How it is chosen</label>
          <select
            id={select}
            className={styles.input}
            value={mode}
            aria-describedby={`${id}-problems`}
            onChange={(event) => set(withMode(value, event.target.value as Mode, parameter))}
          >
            {modesOf(parameter).map(([one, words]) => (
              <option key={one} value={one}>
                {words}
              </option>
            ))}
          </select>
        </div>
        {mode === "range" ? <ValueField {...property("range")} label="Range" /> : null}
        {mode === "fixed" ? <ValueField {...property("fixed")} label="Value" /> : null}
        {searched ? <Fields path={path} schema={schema} keys={finer(schema, parameter, value)} /> : null}
      </div>
    </div>
  );
}

/** What else can be said of a searched parameter, or is; what has one value for the merge has none for each expert. */
function finer(schema: Schema, parameter: Parameter, value: Json | undefined): string[] {
  const given = isObject(value) ? value : {};
  const means = (key: string) =>
    (parameter.scope === "model" || (key !== "models" && key !== "shared")) &&
    (parameter.granular || (key !== "granularity" && key !== "hierarchy"));
  return Object.keys(schema.properties ?? {}).filter(
    (key) => key !== "range" && key !== "fixed" && (means(key) || key in given),
  );
}
