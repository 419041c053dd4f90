import type { UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type Generalisation, type HeldOut, noGaps } from "./gaps";
import { gapHistory } from "./history";
import { gapScatter } from "./scatter";

interface Props {
  experiment: string;
  query: UseQueryResult<Generalisation>;
  split: HeldOut;
  /** Number of the chosen candidate; null before there is one. */
  winner: number | null;
}

/** Does the search overfit the items that it is scored on? */
export function GapCharts({ experiment, query, split, winner }: Props) {
  const palette = usePalette();
  const scatter = useCallback(
    (data: Generalisation) => gapScatter(data, palette, split, winner),
    [palette, split, winner],
  );
  const history = useCallback((data: Generalisation) => gapHistory(data, palette, split), [palette, split]);
  const shared = {
    query,
    reason: (data: Generalisation) => noGaps(data, split),
    python: `client.generalisation("${experiment}")`,
  };
  return (
    <>
      <ChartCard
        {...shared}
        id="gap"
        title={`Search against ${split} scores`}
        reading="On the dashed line a candidate is as good as it looked. Below it, the search score flattered it. Crosses are 95 % intervals."
        draw={scatter}
      />
      <ChartCard
        {...shared}
        id="gap-history"
        title="Gap by candidate"
        reading="Zero: the search score held. In the tinted band it was better than noise explains. Every tick at the foot is a new best, one more choice on the same items."
        draw={history}
      />
    </>
  );
}
