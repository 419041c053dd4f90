import type { ReactNode } from "react";
import styles from "./Chips.module.css";

interface Props<T extends string | number> {
  legend: string;
  options: readonly (readonly [T, string])[];
  chosen: readonly T[];
  onChange: (chosen: T[]) => void;
  /** How many may be chosen at once. */
  most?: number;
  /** What stands behind the last one. */
  children?: ReactNode;
}

/** Some of several: check boxes that look like labels. */
export function Chips<T extends string | number>(props: Props<T>) {
  const { legend, options, chosen, onChange, most = Number.POSITIVE_INFINITY, children } = props;
  return (
    <fieldset className={styles.chips}>
      <legend>{legend}</legend>
      {options.map(([value, words]) => {
        const checked = chosen.includes(value);
        return (
          <label key={value}>
            <input
              type="checkbox"
              checked={checked}
              disabled={!checked && chosen.length >= most}
              onChange={() => onChange(checked ? chosen.filter((one) => one !== value) : [...chosen, value])}
            />
            {words}
          </label>
        );
      })}
      {children}
    </fieldset>
  );
}
