import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { Choice } from "@/parts/Choice";
import { Picker } from "@/parts/Picker";
import { useAddress } from "../address";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { tasksDrawing } from "./drawing";
import { type Sides, sidesOf, titleOf } from "./sides";

const READINGS = {
  test: "neither the search nor the choice of the winner has seen these items",
  selection: "the winner was chosen on these items, which flatters it",
  search: "the search was fitted to these items, which flatters it",
};

type Data = { sides: Sides; view: Schemas["PairedView"] } | { reason: string };

/** Which skills rose, and which fell, against the parents? */
export function TasksChart({ experiment }: { experiment: string }) {
  const palette = usePalette();
  const [{ number, against, split }, change] = useAddress();
  const models = useQuery(partQuery(experiment, "baselines"));
  const sides = useMemo(
    () => models.data && (models.data.reason ?? sidesOf(models.data.models, { number, against, split })),
    [models.data, number, against, split],
  );
  const asked = typeof sides === "object" ? sides : null;
  const view = useQuery({
    ...partQuery(experiment, "comparison", {
      number: asked?.model.number ?? 0,
      against: asked?.against.number ?? 0,
      split: asked?.split ?? "search",
    }),
    enabled: asked !== null,
  });
  const data = useMemo((): Data | undefined => {
    if (typeof sides === "string") return { reason: sides };
    if (sides === undefined || view.data === undefined) return undefined;
    return view.data.reason === null ? { sides, view: view.data } : { reason: view.data.reason };
  }, [sides, view.data]);
  const draw = useCallback(
    (found: Data) => tasksDrawing((found as { view: Schemas["PairedView"] }).view, asked as Sides, palette),
    [asked, palette],
  );
  const failed = models.error ? models : view;
  return (
    <ChartCard
      id="tasks"
      title="Task by task"
      reading={`Filled marks are the merge, rings its rival; grey is within noise.${
        asked === null ? "" : ` Here ${READINGS[asked.split]}.`
      }`}
      query={{ data, error: failed.error, refetch: failed.refetch }}
      reason={(found) => ("reason" in found ? found.reason : null)}
      draw={draw}
      python={
        asked === null
          ? `client.baselines("${experiment}")`
          : `client.comparison("${experiment}", ${asked.model.number}, ${asked.against.number}, split="${asked.split}")`
      }
      controls={asked === null || snapshot !== null ? null : <Controls sides={asked} change={change} />}
    />
  );
}

function Controls({ sides, change }: { sides: Sides; change: ReturnType<typeof useAddress>[1] }) {
  const { model, against, models, rivals, split, splits } = sides;
  const options = (all: Sides["models"]) =>
    all.map((one) => (
      <option key={one.number} value={one.number}>
        {titleOf(one)}
      </option>
    ));
  return (
    <>
      <Picker
        label="Merge"
        value={String(model.number)}
        onChange={(number) => change({ number, against: undefined })}
      >
        {options(models)}
      </Picker>
      <Picker label="against" value={String(against.number)} onChange={(next) => change({ against: next })}>
        {options(rivals)}
      </Picker>
      {splits.length > 1 ? (
        <Choice
          label="On items of"
          value={split}
          choices={splits.map((one) => [one, one] as const)}
          onChange={(next) => change({ split: next })}
        />
      ) : null}
    </>
  );
}
