import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { Choice } from "@/parts/Choice";
import { useSwitch } from "../address";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { fitnessDrawing } from "./drawing";
import { AXES } from "./places";

interface Props {
  experiment: string;
  series: UseQueryResult<Schemas["Series"]>;
}

const CHOICES = [
  ["candidates", "Candidates"],
  ["items", "Items scored"],
  ["time", "Wall time"],
  ["work", "Worker time"],
] as const;

/** Is the search improving, and is it better than what it started from? */
export function FitnessChart({ experiment, series }: Props) {
  const palette = usePalette();
  const navigate = useNavigate();
  const [axis, setAxis] = useSwitch("x", AXES);
  const wide = useQuery(partQuery(experiment, "series", { points: 24 })).data ?? null;
  const points = useQuery(partQuery(experiment, "points", { limit: 2000 })).data ?? null;
  const models = useQuery(partQuery(experiment, "baselines")).data?.models;
  const open = useCallback(
    (number: number) =>
      void navigate({
        to: "/experiments/$id/candidates/$number",
        params: { id: experiment, number: String(number) },
      }),
    [navigate, experiment],
  );
  const draw = useCallback(
    (data: Schemas["Series"]) =>
      fitnessDrawing({ series: data, wide, points, models: models ?? [] }, axis, palette, open),
    [wide, points, models, axis, palette, open],
  );
  return (
    <ChartCard
      id="fitness"
      title="Fitness"
      reading="The thick line is the best so far, the band holds 80 % of the candidates; dashed lines are what it has to beat."
      query={series}
      reason={(data) => (data.best.some((value) => value !== null) ? null : "No candidate has a score yet.")}
      draw={draw}
      python={`client.series("${experiment}")`}
      controls={<Choice label="Along" value={axis} choices={CHOICES} onChange={setAxis} />}
    />
  );
}
