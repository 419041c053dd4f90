import type { ReactNode } from "react";
import { Button } from "@/parts/Button";
import type { Path } from "../spec/paths";
import styles from "./fields.module.css";
import { useField } from "./form";
import { Problems } from "./Row";

interface Props {
  path: Path;
  title: string;
  /** What is taken away: "task 1". */
  name: string;
  remove: () => void;
  children: ReactNode;
}

/** One of several, which can be taken away. */
export function Entry({ path, title, name, remove, children }: Props) {
  const { id, problems } = useField(path);
  return (
    <fieldset className={styles.entry} id={id} tabIndex={-1} aria-describedby={`${id}-problems`}>
      <legend>{title}</legend>
      <Problems id={`${id}-problems`} problems={problems} />
      {children}
      <Button className={styles.remove} onClick={remove} aria-label={`Remove ${name}`}>
        Remove
      </Button>
    </fieldset>
  );
}
