/** Inputs of single values. What is typed stays as it is typed, even while it means nothing yet. */
import { useState } from "react";
import { equal, type Json } from "../spec/paths";
import styles from "./fields.module.css";
import type { ControlProps } from "./Row";

interface InputProps {
  control: Partial<ControlProps> & { "aria-label"?: string };
  value: Json | undefined;
  set: (value: Json | undefined) => void;
  placeholder?: string | undefined;
  /** Id of a list of suggestions. */
  list?: string | undefined;
}
type Read = (text: string) => Json | undefined;

const show = (value: Json | undefined): string =>
  value === undefined || value === null ? "" : String(value);

/** An empty field is no value; a number is one; everything else stays text. */
export const readNumber: Read = (text) => {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  return Number.isFinite(Number(trimmed)) ? Number(trimmed) : text;
};
const readText: Read = (text) => (text === "" ? undefined : text);
/** As YAML reads a plain value. */
export const readPlain: Read = (text) =>
  text === "true" || text === "false" ? text === "true" : readNumber(text);
export const readWords: Read = (text) => {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  return words.length === 0 ? undefined : words;
};

function Typed({
  control,
  value,
  set,
  placeholder,
  list,
  read,
  numeric,
}: InputProps & { read: Read; numeric?: boolean }) {
  const [typed, setTyped] = useState<string | null>(null);
  const text =
    typed !== null && equal(read(typed), value)
      ? typed
      : Array.isArray(value)
        ? value.join(", ")
        : show(value);
  return (
    <input
      {...control}
      type="text"
      className={styles.input}
      inputMode={numeric ? "decimal" : "text"}
      autoComplete="off"
      spellCheck={false}
      placeholder={placeholder}
      list={list}
      value={text}
      onChange={(event) => {
        setTyped(event.target.value);
        set(read(event.target.value));
      }}
    />
  );
}

export const TextInput = (props: InputProps) => <Typed {...props} read={readText} />;
export const NumberInput = (props: InputProps) => <Typed {...props} read={readNumber} numeric />;
export const PlainInput = (props: InputProps) => <Typed {...props} read={readPlain} />;
export const WordsInput = (props: InputProps) => <Typed {...props} read={readWords} />;

/** Lowest and highest value. */
export function RangeInput({ control, value, set }: InputProps) {
  const [low, high] = Array.isArray(value) ? value : [];
  const change = (next: readonly [Json | undefined, Json | undefined]) =>
    set(next.every((one) => one === undefined || one === null) ? undefined : next.map((one) => one ?? null));
  const { id, ...rest } = control;
  return (
    <div className={styles.range}>
      <NumberInput
        control={{ ...rest, ...(id ? { id } : {}), "aria-label": "Lowest value" }}
        value={low}
        set={(next) => change([next, high])}
      />
      <span aria-hidden="true">to</span>
      <NumberInput
        control={{ ...rest, "aria-label": "Highest value" }}
        value={high}
        set={(next) => change([low, next])}
      />
    </div>
  );
}

interface ChoiceProps extends InputProps {
  choices: readonly Json[];
  /** What holds where nothing is chosen. */
  left: Json | undefined;
}

/** One of a few values; the first entry leaves the key out. */
export function ChoiceInput({ control, value, set, choices, left }: ChoiceProps) {
  const chosen = equal(value, left) ? undefined : value;
  const others = choices.filter((one) => !equal(one, left));
  const unknown = chosen !== undefined && !others.some((one) => equal(one, chosen));
  return (
    <select
      {...control}
      className={styles.input}
      value={show(chosen)}
      onChange={(event) => set(others.find((one) => show(one) === event.target.value))}
    >
      <option value="">{left === undefined ? "not set" : `${show(left)} (default)`}</option>
      {unknown ? (
        <option value={show(chosen)}>
          {show(chosen)}
          {choices.length > 0 ? " (not a choice)" : ""}
        </option>
      ) : null}
      {others.map((one) => (
        <option key={show(one)} value={show(one)}>
          {show(one)}
        </option>
      ))}
    </select>
  );
}

export function SwitchInput({ control, value, set, left }: InputProps & { left: boolean }) {
  return (
    <input
      {...control}
      type="checkbox"
      className={styles.switch}
      checked={typeof value === "boolean" ? value : left}
      onChange={(event) => set(event.target.checked === left ? undefined : event.target.checked)}
    />
  );
}
