import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId, useState } from "react";
import type { Schemas } from "@/api/client";
import { namesOf } from "@/charts/compare/drawing";
import { ago } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { StateBadge } from "@/parts/StateBadge";
import styles from "./Picked.module.css";
import { foundQuery } from "./queries";

export const MOST = 6;

interface Props {
  ids: readonly string[];
  /** What is known of them yet. */
  experiments: readonly Schemas["ExperimentView"][];
  change: (ids: readonly string[]) => void;
}

/** Which experiments are compared: those that were picked, and a search for more. */
export function Picked({ ids, experiments, change }: Props) {
  const known = new Map(namesOf(experiments).map((name, i) => [experiments[i]?.id, name]));
  return (
    <Card
      id="picked"
      title="Experiments"
      reading={`${ids.length} of at most ${MOST}; the address of this page holds them.`}
    >
      {ids.length > 0 ? (
        <ul className={styles.picked}>
          {ids.map((id) => (
            <li key={id}>
              {known.get(id) ?? id}
              <Button
                look="quiet"
                aria-label={`Remove ${known.get(id) ?? id}`}
                onClick={() => change(ids.filter((one) => one !== id))}
              >
                ✕
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      {ids.length < MOST ? <Search ids={ids} add={(id) => change([...ids, id])} /> : null}
    </Card>
  );
}

function Search({ ids, add }: { ids: readonly string[]; add: (id: string) => void }) {
  const [text, setText] = useState("");
  const field = useId();
  const found = useQuery(foundQuery(useDeferredValue(text.trim())));
  return (
    <search className={styles.search}>
      <label htmlFor={field}>Add an experiment</label>
      <input
        id={field}
        type="search"
        placeholder="Part of its name or id"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Answer query={found} what="experiments">
        {({ experiments }) => {
          const left = experiments.filter(({ id }) => !ids.includes(id));
          return left.length === 0 ? (
            <p className={styles.none}>No other experiment is called so.</p>
          ) : (
            <ul className={styles.found} aria-label="Experiments to add">
              {left.map((one) => (
                <li key={one.id}>
                  <button type="button" data-row onClick={() => add(one.id)}>
                    <span className={styles.name}>{one.name}</span>
                    <StateBadge state={one.state} />
                    <span className={styles.when}>{ago(one.created_at)}</span>
                    <span aria-hidden="true">+</span>
                  </button>
                </li>
              ))}
            </ul>
          );
        }}
      </Answer>
    </search>
  );
}
