import type { UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type Cost, costPhases } from "./phases";
import { costValue } from "./value";

interface Props {
  experiment: string;
  query: UseQueryResult<Cost>;
}

/** What does a point of fitness cost, and what is the time spent on? */
export function CostCharts({ experiment, query }: Props) {
  const palette = usePalette();
  const phases = useCallback((data: Cost) => costPhases(data, palette), [palette]);
  const value = useCallback((data: Cost) => costValue(data, palette), [palette]);
  const shared = {
    query,
    reason: (data: Cost) =>
      data.reason ?? (data.number.length === 0 ? "No evaluation gave a result yet." : null),
    python: `client.cost("${experiment}")`,
  };
  return (
    <>
      <ChartCard
        {...shared}
        id="cost-by-phase"
        title="Worker time per candidate"
        reading="Seconds of worker time by what was done. Scoring should be most of it; the rest is what merging costs."
        draw={phases}
      />
      <ChartCard
        {...shared}
        id="cost-of-fitness"
        title="Fitness for time"
        reading="Best fitness over the time of all workers together. A flat end says that more budget buys little."
        draw={value}
      />
    </>
  );
}
