import { useId } from "react";
import styles from "./Choice.module.css";

interface Props<T extends string> {
  label: string;
  value: T;
  /** Each value with its words. */
  choices: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

/** A few exclusive choices side by side. */
export function Choice<T extends string>({ label, value, choices, onChange }: Props<T>) {
  const name = useId();
  return (
    <fieldset className={styles.choice}>
      <legend>{label}</legend>
      <div>
        {choices.map(([one, words]) => (
          <label key={one}>
            <input type="radio" name={name} checked={one === value} onChange={() => onChange(one)} />
            <span>{words}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
