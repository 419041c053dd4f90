import { useCallback } from "react";
import type { Schemas } from "@/api/client";
import { type Asked, ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { volumeDrawing } from "./volume";

interface Props {
  experiment: string;
  query: Asked<Schemas["Tradeoffs"]>;
}

/** Do the trade-offs still get better? */
export function VolumeChart({ experiment, query }: Props) {
  const palette = usePalette();
  const draw = useCallback(
    (found: Schemas["Tradeoffs"]) =>
      volumeDrawing(found, found.hypervolumes as Schemas["Hypervolumes"], palette),
    [palette],
  );
  return (
    <ChartCard
      id="hypervolume"
      title="Hypervolume by generation"
      reading="How much of the scores that are better than the reference point on every task somebody reaches. While it rises, the search still finds new trade-offs."
      query={query}
      reason={(found) =>
        found.reason ??
        (found.hypervolumes === null ? "Its exact volume is reckoned for up to six tasks." : null)
      }
      draw={draw}
      python={`client.tradeoffs("${experiment}").hypervolumes`}
    />
  );
}
