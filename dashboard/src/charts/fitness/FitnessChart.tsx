import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Schemas } from "@/api/client";
import { partQuery, pointsQuery, wideSeriesQuery } from "@/api/queries";
import { useTogether } from "@/api/useTogether";
import { Choice } from "@/parts/Choice";
import { useSwitch } from "../address";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type FitnessData, fitnessDrawing } from "./drawing";
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

const around = (
  series: Schemas["Series"],
  wide: Schemas["Series"] | undefined,
  points: Schemas["Points"] | undefined,
  models: Schemas["Baselines"] | undefined,
): FitnessData => ({ series, wide: wide ?? null, points: points ?? null, models: models?.models ?? [] });

/** Is the search improving, and is it better than what it started from? */
export function FitnessChart({ experiment, series }: Props) {
  const palette = usePalette();
  const navigate = useNavigate();
  const [axis, setAxis] = useSwitch("x", AXES);
  const wide = useQuery(wideSeriesQuery(experiment));
  const points = useQuery(pointsQuery(experiment));
  const models = useQuery(partQuery(experiment, "baselines"));
  const asked = [series, wide, points, models];
  const latest = useMemo(
    () => series.data && around(series.data, wide.data, points.data, models.data),
    [series.data, wide.data, points.data, models.data],
  );
  const data = useTogether(
    latest,
    asked.some((one) => one.isFetching),
  );
  const open = useCallback(
    (number: number) =>
      void navigate({
        to: "/experiments/$id/candidates/$number",
        params: { id: experiment, number: String(number) },
      }),
    [navigate, experiment],
  );
  const draw = useCallback(
    (found: FitnessData) => fitnessDrawing(found, axis, palette, open),
    [axis, palette, open],
  );
  return (
    <ChartCard
      id="fitness"
      title="Fitness"
      reading="The thick line is the best so far, the band holds 80 % of the candidates; dashed lines are what it has to beat."
      query={{ data, error: series.error, refetch: series.refetch }}
      reason={(found) =>
        found.series.best.some((value) => value !== null) ? null : "No candidate has a score yet."
      }
      draw={draw}
      python={`client.series("${experiment}")`}
      controls={<Choice label="Along" value={axis} choices={CHOICES} onChange={setAxis} />}
    />
  );
}
