import { useNavigate } from "@tanstack/react-router";
import { useId, useState } from "react";
import { Button } from "@/parts/Button";
import styles from "./GoTo.module.css";

interface Props {
  experiment: string;
  /** How many candidates there are. */
  total: number;
}

/** Opens the candidate whose number is typed. */
export function GoTo({ experiment, total }: Props) {
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const field = useId();
  return (
    <form
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({
          to: "/experiments/$id/candidates/$number",
          params: { id: experiment, number: String(Number(typed)) },
        });
      }}
    >
      <label htmlFor={field}>Go to number</label>
      <input
        id={field}
        type="number"
        min={0}
        max={Math.max(total - 1, 0)}
        required
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <Button type="submit">Open</Button>
    </form>
  );
}
