import type { UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { Choice } from "@/parts/Choice";
import { useSwitch } from "../address";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { AXES, type Comparison, compareDrawing } from "./drawing";

const CHOICES = [
  ["candidates", "Candidates"],
  ["items", "Items scored"],
  ["time", "Wall time"],
] as const;

/** Which of several experiments got further, for the same effort? */
export function CompareChart({ query, ids }: { query: UseQueryResult<Comparison>; ids: readonly string[] }) {
  const palette = usePalette();
  const [axis, setAxis] = useSwitch("x", AXES);
  const draw = useCallback((data: Comparison) => compareDrawing(data, palette, axis), [palette, axis]);
  return (
    <ChartCard
      id="best-so-far"
      title="Best so far"
      reading="The higher line found better merges for the same effort. Fitness is only comparable where tasks and items are the same."
      query={query}
      reason={({ experiments }) =>
        experiments.some(({ series }) => series.best.some((value) => value !== null))
          ? null
          : "None of them has a scored candidate yet."
      }
      draw={draw}
      python={`client.compare(${JSON.stringify(ids)})`}
      controls={<Choice label="Along" value={axis} choices={CHOICES} onChange={setAxis} />}
    />
  );
}
