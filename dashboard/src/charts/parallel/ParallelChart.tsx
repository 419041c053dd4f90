import { useCallback } from "react";
import { useAddress } from "../address";
import { type Asked, ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { BrushedTable } from "./BrushedTable";
import { parseBrush } from "./brush";
import { MOST_AXES, type ParallelData, parallelDrawing } from "./drawing";
import { RangeFields } from "./RangeFields";

/** Which settings go with good results? */
export function ParallelChart({ experiment, query }: { experiment: string; query: Asked<ParallelData> }) {
  const palette = usePalette();
  const [{ brush }, change] = useAddress();
  const setBrush = useCallback(
    (next: string | undefined) => {
      if (next !== brush) change({ brush: next });
    },
    [brush, change],
  );
  const draw = useCallback(
    (found: ParallelData) => parallelDrawing(found, brush, palette, setBrush),
    [brush, palette, setBrush],
  );
  const { data } = query;
  const scored = data?.rows.filter((row) => row.fitness !== null).length ?? 0;
  const ranges = parseBrush(brush);
  return (
    <ChartCard
      id="settings"
      title="Settings and fitness"
      reading={`Each line is a candidate, strong ones are fitter; the axes are those whose order agrees most with fitness${
        (data?.genes.length ?? 0) >= MOST_AXES ? `, ${MOST_AXES - 1} of ${data?.genes.length}` : ""
      }.`}
      query={query}
      reason={() => (scored < 3 ? "Fewer than three searched candidates have a score." : null)}
      draw={draw}
      python={`client.coefficients("${experiment}", order="even", limit=500)`}
    >
      {data === undefined ? null : (
        <>
          <RangeFields data={data} ranges={ranges} setBrush={setBrush} />
          <BrushedTable experiment={experiment} data={data} ranges={ranges} />
        </>
      )}
    </ChartCard>
  );
}
