import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Schemas } from "@/api/client";
import { ChartCard } from "../ChartCard";
import { type Palette, usePalette } from "../palette";
import { fitnessDrawing } from "./drawing";

interface Props {
  experiment: string;
  series: UseQueryResult<Schemas["Series"]>;
}

/** Is the search improving, and is it better than what it started from? */
export function FitnessChart({ experiment, series }: Props) {
  const palette = usePalette();
  const draw = useMemo(
    () => (data: Schemas["Series"]) => fitnessDrawing(data, palette as Palette),
    [palette],
  );
  return (
    <ChartCard
      id="fitness"
      title="Fitness"
      reading="The line is the best so far; the band holds every candidate of its stretch."
      query={series}
      reason={(data) => (data.best.some((value) => value !== null) ? null : "No candidate has a score yet.")}
      draw={draw}
      python={`client.series("${experiment}")`}
    />
  );
}
