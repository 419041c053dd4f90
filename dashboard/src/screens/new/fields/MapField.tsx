import { useId, useState } from "react";
import { Button } from "@/parts/Button";
import { isObject, type Json, type JsonObject, renameKey } from "../spec/paths";
import { fieldOf, helpOf, type Schema } from "../spec/schema";
import { Entry } from "./Entry";
import { Fields } from "./Fields";
import styles from "./fields.module.css";
import { type FieldProps, useField } from "./form";
import { shortName } from "./names";
import { Problems } from "./Row";
import { listFor } from "./Suggestions";

/** Entries that the user names. */
export function MapField({ path, schema, label, required, entry }: FieldProps & { entry: Schema }) {
  const { value, set, id, problems } = useField(path);
  const entries: JsonObject = isObject(value) ? value : {};
  const group = fieldOf(entry);
  if (group.kind !== "group") return null;
  return (
    <fieldset className={styles.group} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>
        {label}
        {required ? <span className={styles.required}> required</span> : null}
      </legend>
      <p className={styles.help}>{helpOf(schema)}</p>
      <Problems id={`${id}-problems`} problems={problems} />
      {Object.keys(entries).map((key) => (
        <Entry
          key={key}
          path={[...path, key]}
          title={key}
          name={key}
          remove={() => set(withoutKey(entries, key))}
        >
          <Fields
            path={[...path, key]}
            schema={group.schema}
            lead={
              <NameInput
                name={key}
                taken={Object.keys(entries)}
                rename={(to) => set(renameKey(entries, key, to))}
              />
            }
          />
        </Entry>
      ))}
      <NewEntry
        models={group.short === "model"}
        suggestions={listFor(path)}
        taken={Object.keys(entries)}
        add={(key, added) => set({ ...entries, [key]: added })}
      />
    </fieldset>
  );
}

const withoutKey = ({ ...entries }: JsonObject, key: string): JsonObject => {
  delete entries[key];
  return entries;
};

interface NameProps {
  name: string;
  taken: readonly string[];
  rename: (to: string) => void;
}

/** The name of an entry; it takes effect once it is complete, and only if no other entry has it. */
function NameInput({ name, taken, rename }: NameProps) {
  const [typed, setTyped] = useState(name);
  const id = useId();
  const wrong =
    typed === ""
      ? "A name is needed"
      : typed !== name && taken.includes(typed)
        ? "Another entry has this name"
        : null;
  return (
    <div className={styles.row}>
      <label htmlFor={id}>Short name</label>
      <input
        id={id}
        className={styles.input}
        value={typed}
        autoComplete="off"
        spellCheck={false}
        aria-invalid={wrong !== null}
        aria-describedby={`${id}-problems`}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={() => {
          if (wrong === null && typed !== name) rename(typed);
        }}
      />
      <Problems id={`${id}-problems`} problems={wrong === null ? [] : [wrong]} />
    </div>
  );
}

interface NewProps {
  /** Whether what is added is a model, which is named after itself. */
  models: boolean;
  /** Id of a list of names. */
  suggestions: string | undefined;
  taken: readonly string[];
  add: (key: string, value: Json) => void;
}

function NewEntry({ models, suggestions, taken, add }: NewProps) {
  const [typed, setTyped] = useState("");
  const id = useId();
  const text = typed.trim();
  const key = models ? shortName(text, taken) : text;
  const possible = text !== "" && !taken.includes(key);
  function commit(): void {
    if (!possible) return;
    add(key, models ? { model: text } : {});
    setTyped("");
  }
  return (
    <div className={styles.row}>
      <label htmlFor={id}>{models ? "Add a model" : "Add an entry named"}</label>
      <div className={styles.add}>
        <input
          id={id}
          className={styles.input}
          list={suggestions}
          value={typed}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            commit();
          }}
        />
        <Button onClick={commit} disabled={!possible}>
          Add
        </Button>
      </div>
    </div>
  );
}
