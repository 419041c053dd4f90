import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { experimentQuery, partQuery } from "@/api/queries";
import { Picker } from "@/parts/Picker";
import { useAddress } from "../address";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type ParetoData, paretoDrawing } from "./drawing";
import { Pinned } from "./Pinned";
import { nameOf, placesOf, taskNames } from "./places";

/** What does it cost on one task to be better on another? */
export function ParetoChart({ experiment }: { experiment: string }) {
  const palette = usePalette();
  const [asked, change] = useAddress();
  const detail = useQuery(experimentQuery(experiment));
  const models = useQuery(partQuery(experiment, "baselines"));
  const data = useMemo((): ParetoData | undefined => {
    if (!detail.data || !models.data) return undefined;
    const base = models.data.models.find((one) => one.role === "base")?.splits.search?.tasks ?? {};
    const means = Object.fromEntries(Object.entries(base).map(([task, scored]) => [task, scored.mean]));
    const tradeoffs = detail.data.outcome?.tradeoffs;
    return {
      places: placesOf(detail.data, models.data.models),
      reference: tradeoffs?.reference ?? means,
      hypervolume: tradeoffs?.hypervolume ?? null,
    };
  }, [detail.data, models.data]);
  const tasks = data ? taskNames(data.places) : [];
  const across = tasks.find((task) => task === asked.across) ?? tasks[0] ?? "";
  const others = tasks.filter((task) => task !== across);
  const up = others.find((task) => task === asked.up) ?? others[0] ?? "";
  const pinned = asked.pin === undefined ? null : Number(asked.pin);
  const pin = useCallback(
    (number: number | null) => change({ pin: number === null ? undefined : String(number) }),
    [change],
  );
  const draw = useCallback(
    (found: ParetoData) => paretoDrawing(found, { across, up, pinned }, palette, pin),
    [across, up, pinned, palette, pin],
  );
  const failed = detail.error ? detail : models;
  const place = data?.places.find((one) => one.number === pinned);
  return (
    <ChartCard
      id="pareto"
      title="Trade-offs between tasks"
      reading="Up and to the right is better; the line joins those that nobody beats on both tasks, crosses are 95 % intervals. Choose one to pin it."
      query={{ data, error: failed.error, refetch: failed.refetch }}
      reason={(found) =>
        without(taskNames(found.places).length, Object.keys(detail.data?.spec.tasks ?? {}).length)
      }
      draw={draw}
      python={`client.experiment("${experiment}").outcome.tradeoffs`}
      controls={
        tasks.length < 2 ? null : (
          <>
            <Tasks
              label="Across"
              value={across}
              tasks={tasks}
              onChange={(task) => change({ across: task, up: task === up ? across : up })}
            />
            <Tasks label="Up" value={up} tasks={others} onChange={(task) => change({ up: task })} />
            <Picker
              label="Pin"
              value={asked.pin ?? ""}
              onChange={(number) => pin(number === "" ? null : Number(number))}
            >
              <option value="">nobody</option>
              {data?.places.map((one) => (
                <option key={one.number} value={one.number}>
                  {nameOf(one)}
                </option>
              ))}
            </Picker>
          </>
        )
      }
    >
      {place && data ? <Pinned experiment={experiment} place={place} reference={data.reference} /> : null}
    </ChartCard>
  );
}

function without(scored: number, asked: number): string | null {
  if (scored > 1) return null;
  return asked > 1
    ? "Nobody has been scored on two tasks yet."
    : "There is one task; trade-offs need two or more.";
}

interface TasksProps {
  label: string;
  value: string;
  tasks: readonly string[];
  onChange: (task: string) => void;
}

function Tasks({ label, value, tasks, onChange }: TasksProps) {
  return (
    <Picker label={label} value={value} onChange={onChange}>
      {tasks.map((task) => (
        <option key={task}>{task}</option>
      ))}
    </Picker>
  );
}
