import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useId, useState } from "react";
import { Picker } from "@/parts/Picker";
import styles from "./Filters.module.css";

const STATES = ["created", "running", "paused", "interrupted", "finished", "failed", "cancelled"] as const;
/** The address follows what is typed once that rests. */
const REST_MS = 250;

/** Which experiments are shown; the address holds it. */
export function Filters({ owners }: { owners: readonly string[] }) {
  const { q, state, owner } = useSearch({ from: "/experiments" });
  const navigate = useNavigate({ from: "/experiments" });
  const set = (key: "q" | "state" | "owner", value: string) =>
    void navigate({
      search: ({ [key]: _, ...rest }) => (value === "" ? rest : { ...rest, [key]: value }),
      replace: true,
    });
  return (
    <search className={styles.filters}>
      <TextFilter label="Name or id" kind="search" value={q ?? ""} set={(value) => set("q", value)} />
      <Picker label="State" value={state ?? ""} onChange={(value) => set("state", value)}>
        <option value="">any</option>
        {STATES.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </Picker>
      <TextFilter
        label="Owner"
        kind="text"
        value={owner ?? ""}
        set={(value) => set("owner", value)}
        suggested={owners}
      />
    </search>
  );
}

interface TextProps {
  label: string;
  kind: "search" | "text";
  value: string;
  set: (value: string) => void;
  suggested?: readonly string[];
}

function TextFilter({ label, kind, value, set, suggested = [] }: TextProps) {
  const [typed, setTyped] = useState(value);
  const [shown, setShown] = useState(value);
  const id = useId();
  // The address can change without this field: back, forward, a link.
  if (shown !== value) {
    setShown(value);
    setTyped(value);
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is typed starts the wait
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => set(typed.trim()), REST_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label className={styles.filter}>
      {label}
      <input
        type={kind}
        value={typed}
        autoComplete="off"
        list={suggested.length > 0 ? id : undefined}
        onChange={(event) => setTyped(event.target.value)}
      />
      {suggested.length > 0 ? (
        <datalist id={id}>
          {suggested.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      ) : null}
    </label>
  );
}
