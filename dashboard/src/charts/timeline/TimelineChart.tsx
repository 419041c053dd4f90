import type { UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type Timeline, timelineDrawing } from "./drawing";

interface Props {
  experiment: string;
  query: UseQueryResult<Timeline>;
}

/** Where does the workers' time go? */
export function TimelineChart({ experiment, query }: Props) {
  const palette = usePalette();
  const draw = useCallback((data: Timeline) => timelineDrawing(data, palette), [palette]);
  return (
    <ChartCard
      id="timeline"
      title="Worker timeline"
      reading="A lane per worker, a bar per attempt; gaps are idle time. Hatched bars gave no result, a triangle marks what was done again. Drag the slider, or Ctrl and the wheel, to zoom."
      query={query}
      reason={(data) => data.reason ?? (data.total === 0 ? "No worker has begun yet." : null)}
      draw={draw}
      python={`client.timeline("${experiment}")`}
    />
  );
}
