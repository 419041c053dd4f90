import type { ReactNode } from "react";
import styles from "./Picker.module.css";

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Options, or groups of them. */
  children: ReactNode;
}

/** One choice of many: a labelled select. */
export function Picker({ label, value, onChange, children }: Props) {
  return (
    <label className={styles.picker}>
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {children}
      </select>
    </label>
  );
}
