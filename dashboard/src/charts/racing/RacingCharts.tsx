import type { UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type Racing, racingScatter, rungsDrawing } from "./drawing";

interface Props {
  experiment: string;
  query: UseQueryResult<Racing>;
}

/** Were the early stops fair? */
export function RacingCharts({ experiment, query }: Props) {
  const palette = usePalette();
  const scatter = useCallback((data: Racing) => racingScatter(data, palette), [palette]);
  const rungs = useCallback((data: Racing) => rungsDrawing(data, palette), [palette]);
  const python = `client.racing("${experiment}")`;
  return (
    <>
      <ChartCard
        id="racing"
        title="First block against all"
        reading="Near the dashed line the first block told the truth. A wide cloud says that candidates are stopped by luck."
        query={query}
        reason={(data) =>
          data.reason ??
          (data.blocks_scored.some((blocks) => blocks > 1)
            ? null
            : "No candidate was scored on a second block yet.")
        }
        draw={scatter}
        python={python}
      />
      <ChartCard
        id="rungs"
        title="Early stops"
        reading="Bars: who got no further block. Line: how far the order by then agrees with the final one; 1 is the same order, 0 is chance."
        query={query}
        reason={(data) =>
          data.reason ?? (data.rungs.length === 0 ? "No candidate was scored on a block yet." : null)
        }
        draw={rungs}
        python={python}
      />
    </>
  );
}
