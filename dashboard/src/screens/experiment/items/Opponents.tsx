import { useId, useState } from "react";
import type { Schemas } from "@/api/client";
import { Button } from "@/parts/Button";
import { Chips } from "@/parts/Chips";
import { nameOf } from "../candidates/words";
import styles from "./Opponents.module.css";
import { MOST } from "./opponents";

interface Props {
  /** The candidate itself. */
  number: number;
  /** Parents, plain merges and the best, to choose from. */
  models: readonly Schemas["RoleView"][];
  chosen: readonly number[];
  onChange: (chosen: number[]) => void;
}

/** Chooses up to four candidates to compare with, by name or by number. */
export function Opponents({ number, models, chosen, onChange }: Props) {
  const known = models
    .filter((one) => one.number !== number)
    .map((one) => [one.number, nameOf(one)] as const);
  const others = chosen
    .filter((one) => !known.some(([model]) => model === one))
    .map((one) => [one, `candidate ${one}`] as const);
  return (
    <Chips
      legend={`Compared with, up to ${MOST}`}
      options={[...known, ...others]}
      chosen={chosen}
      onChange={onChange}
      most={MOST}
    >
      <Another
        disabled={chosen.length >= MOST}
        onAdd={(one) => {
          if (one !== number && !chosen.includes(one)) onChange([...chosen, one]);
        }}
      />
    </Chips>
  );
}

function Another({ disabled, onAdd }: { disabled: boolean; onAdd: (number: number) => void }) {
  const [typed, setTyped] = useState("");
  const field = useId();
  const add = () => {
    if (typed !== "") onAdd(Number(typed));
    setTyped("");
  };
  return (
    <span className={styles.other}>
      <label htmlFor={field}>another, by number</label>
      <input
        id={field}
        type="number"
        min={0}
        value={typed}
        disabled={disabled}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") add();
        }}
      />
      <Button onClick={add} disabled={disabled || typed === ""}>
        Add
      </Button>
    </span>
  );
}
