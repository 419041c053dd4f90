import { useId, useState } from "react";
import type { Schemas } from "@/api/client";
import { snapshot } from "@/api/snapshot";
import { Button } from "@/parts/Button";
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
  const [typed, setTyped] = useState("");
  const field = useId();
  const full = chosen.length >= MOST;
  const known = models.filter((one) => one.number !== number);
  const others = chosen.filter((one) => !known.some((model) => model.number === one));
  const toggle = (one: number) =>
    onChange(chosen.includes(one) ? chosen.filter((kept) => kept !== one) : [...chosen, one]);
  const add = () => {
    const wanted = Number(typed);
    if (typed !== "" && wanted !== number && !chosen.includes(wanted)) onChange([...chosen, wanted]);
    setTyped("");
  };
  return (
    <fieldset className={styles.opponents}>
      <legend>Compared with, up to {MOST}</legend>
      {known.map((one) => (
        <label key={one.number}>
          <input
            type="checkbox"
            checked={chosen.includes(one.number)}
            disabled={full && !chosen.includes(one.number)}
            onChange={() => toggle(one.number)}
          />
          {nameOf(one)}
        </label>
      ))}
      {others.map((one) => (
        <label key={one}>
          <input type="checkbox" checked onChange={() => toggle(one)} />
          candidate {one}
        </label>
      ))}
      {snapshot === null ? (
        <span className={styles.other}>
          <label htmlFor={field}>another, by number</label>
          <input
            id={field}
            type="number"
            min={0}
            value={typed}
            disabled={full}
            onChange={(event) => setTyped(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter") add();
            }}
          />
          <Button onClick={add} disabled={full || typed === ""}>
            Add
          </Button>
        </span>
      ) : null}
    </fieldset>
  );
}
