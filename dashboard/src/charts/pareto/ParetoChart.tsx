import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import type { Schemas } from "@/api/client";
import { experimentQuery } from "@/api/queries";
import { Picker } from "@/parts/Picker";
import { useAddress } from "../address";
import { type Asked, ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type ParetoData, paretoDrawing } from "./drawing";
import { Pinned } from "./Pinned";
import { frontOf, nameOf, type Place, placesOf, taskNames } from "./places";

interface Props {
  experiment: string;
  query: Asked<Schemas["Tradeoffs"]>;
}

/** What does it cost on one task to be better on another? */
export function ParetoChart({ experiment, query }: Props) {
  const palette = usePalette();
  const [asked, change] = useAddress();
  const detail = useQuery(experimentQuery(experiment));
  const found = query.data;
  const outcome = detail.data?.outcome;
  const data = useMemo((): ParetoData | undefined => {
    if (!found || outcome === undefined) return undefined;
    return {
      places: placesOf(found, outcome),
      reference: found.reference,
      hypervolume: outcome?.tradeoffs?.hypervolume ?? null,
      looked: { total: found.total, every: found.every },
    };
  }, [found, outcome]);
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
  const offered = useMemo(
    () => offeredOf(data?.places ?? [], across, up, pinned),
    [data, across, up, pinned],
  );
  const failed = detail.error ? detail : query;
  const place = data?.places.find((one) => one.number === pinned);
  return (
    <ChartCard
      id="pareto"
      title="Trade-offs between tasks"
      reading="Up and to the right is better; the line joins those that nobody beats on both tasks, crosses are their 95 % intervals. Choose one to pin it."
      query={{ data, error: failed.error, refetch: failed.refetch }}
      reason={() => query.data?.reason ?? null}
      draw={draw}
      python={`client.tradeoffs("${experiment}")`}
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
              {offered.map((one) => (
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

/** Who can be pinned by name: the fronts, and what the search did not draw. Everybody else is pinned by a click. */
function offeredOf(places: readonly Place[], across: string, up: string, pinned: number | null): Place[] {
  const leading = new Set(frontOf(places, across, up));
  return places.filter(
    (one) => one.baseline || one.front || one.label !== "" || leading.has(one) || one.number === pinned,
  );
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
