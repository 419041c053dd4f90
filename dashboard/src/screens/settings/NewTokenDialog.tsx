import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import { SCOPES } from "./scopes";
import styles from "./settings.module.css";
import { expiry } from "./standing";

const DAYS: readonly (readonly [string, number | null])[] = [
  ["a week", 7],
  ["30 days", 30],
  ["90 days", 90],
  ["a year", 365],
  ["for ever", null],
];

interface Props {
  onCreated: (created: Schemas["CreatedToken"]) => void;
  onClose: () => void;
}

export function NewTokenDialog({ onCreated, onClose }: Props) {
  const session = useQuery(sessionQuery).data;
  const [name, setName] = useState("");
  const [owner, setOwner] = useState(session?.owner ?? "");
  const [scope, setScope] = useState<Schemas["Scope"]>("read");
  const [lasts, setLasts] = useState("90 days");
  const days = DAYS.find(([words]) => words === lasts)?.[1] ?? null;
  const create = useMutation({
    mutationFn: () =>
      body(
        api.POST("/api/v1/tokens", {
          body: { name: name.trim(), owner: owner.trim(), scope, expires_at: expiry(days, Date.now()) },
        }),
      ),
    onSuccess: onCreated,
  });
  const ids = { name: useId(), owner: useId(), scope: useId(), lasts: useId() };
  return (
    <ConfirmDialog
      title="New access token"
      action="Make the token"
      busy={create.isPending}
      disabled={name.trim() === "" || owner.trim() === ""}
      error={create.error}
      onConfirm={() => create.mutate()}
      onClose={onClose}
    >
      <div className={styles.fields}>
        <label htmlFor={ids.name}>Name, such as what it is for</label>
        <input
          id={ids.name}
          value={name}
          maxLength={64}
          required
          onChange={(event) => setName(event.target.value)}
        />
        <label htmlFor={ids.owner}>Owner, under whom its experiments are listed</label>
        <input
          id={ids.owner}
          value={owner}
          maxLength={64}
          required
          onChange={(event) => setOwner(event.target.value)}
        />
        <label htmlFor={ids.scope}>Scope</label>
        <select
          id={ids.scope}
          value={scope}
          onChange={(event) => setScope(event.target.value as typeof scope)}
        >
          {Object.entries(SCOPES).map(([one, words]) => (
            <option key={one} value={one}>
              {words}
            </option>
          ))}
        </select>
        <label htmlFor={ids.lasts}>Valid for</label>
        <select id={ids.lasts} value={lasts} onChange={(event) => setLasts(event.target.value)}>
          {DAYS.map(([words]) => (
            <option key={words}>{words}</option>
          ))}
        </select>
      </div>
    </ConfirmDialog>
  );
}
