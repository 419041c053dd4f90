import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { Choice } from "@/parts/Choice";
import { Loading } from "@/parts/states";
import { nameOf } from "../candidates/words";
import styles from "./Compared.module.css";
import { ItemsCard, ONLY, type Only } from "./ItemsCard";
import { Opponents } from "./Opponents";
import { parse, usual } from "./opponents";
import { PairedCard } from "./PairedCard";

interface Props {
  experiment: string;
  candidate: Schemas["CandidateDetail"];
}

type Split = Schemas["Split"];
const SPLITS = ["search", "selection", "test"] as const;

/** The candidate beside its parents and the best one, in all and item by item. What is chosen is in the address. */
export function Compared({ experiment, candidate }: Props) {
  const { number } = candidate;
  const search = useSearch({ from: "/experiments/$id/candidates/$number" });
  const navigate = useNavigate({ from: "/experiments/$id/candidates/$number" });
  const baselines = useQuery(partQuery(experiment, "baselines"));
  const scored = SPLITS.filter((one) =>
    candidate.evaluations.some((each) => each.split === one && each.state === "done"),
  );
  if (scored.length === 0) return null;
  if (baselines.data === undefined && baselines.error === null) return <Loading what="the other models" />;
  const models = baselines.data?.models ?? [];
  const change = (changes: Record<string, string | undefined>) =>
    void navigate({ search: (old) => ({ ...old, ...changes }), replace: true, resetScroll: false });
  const split = scored.find((one) => one === search.split) ?? (scored[0] as Split);
  const only = ONLY.find((one) => one === search.only) ?? "all";
  const against = parse(search.against, number) ?? usual(models, number);
  const tasks = [
    ...new Set(
      candidate.evaluations.filter((one) => one.split === split).flatMap((one) => Object.keys(one.summary)),
    ),
  ].sort();
  const task = tasks.find((one) => one === search.task);
  const name = (other: number) =>
    other === number
      ? nameOf(candidate)
      : nameOf(models.find((one) => one.number === other) ?? { number: other, label: "" });
  return (
    <>
      {snapshot === null ? (
        <div className={styles.bar}>
          <Opponents
            number={number}
            models={models}
            chosen={against}
            onChange={(chosen) => change({ against: chosen.length > 0 ? chosen.join(",") : "-" })}
          />
          {scored.length > 1 ? (
            <Choice
              label="Items of"
              value={split}
              choices={scored.map((one) => [one, one] as const)}
              onChange={(chosen) => change({ split: chosen })}
            />
          ) : null}
        </div>
      ) : null}
      <PairedCard experiment={experiment} number={number} split={split} against={against} nameOf={name} />
      <ItemsCard
        key={JSON.stringify([number, split, against, task, only])}
        experiment={experiment}
        number={number}
        split={split}
        against={against}
        tasks={tasks}
        task={task}
        only={only}
        nameOf={name}
        onTask={(chosen) => change({ task: chosen || undefined })}
        onOnly={(chosen: Only) => change({ only: chosen === "all" ? undefined : chosen })}
      />
    </>
  );
}
