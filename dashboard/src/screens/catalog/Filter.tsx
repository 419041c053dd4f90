import { useId } from "react";
import styles from "./Filter.module.css";

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** A field that narrows a list down while one types. */
export function Filter({ label, value, onChange }: Props) {
  const field = useId();
  return (
    <div className={styles.filter}>
      <label htmlFor={field}>{label}</label>
      <input id={field} type="search" value={value} onChange={(event) => onChange(event.target.value)} />
    </div>
  );
}
