import { useCallback } from "react";
import { Picker } from "@/parts/Picker";
import { useAddress } from "../address";
import { type Asked, ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import type { Gene } from "./genes";
import { historyDrawing } from "./history";
import type { Row } from "./rows";

interface Data {
  genes: readonly Gene[];
  rows: readonly Row[];
  total: number;
}

/** Where did the search look for one coefficient, and where did it end? */
export function HistoryChart({ experiment, query }: { experiment: string; query: Asked<Data> }) {
  const palette = usePalette();
  const [{ gene: asked }, change] = useAddress();
  const genes = query.data?.genes ?? [];
  const gene = genes[Number(asked)]?.index ?? 0;
  const draw = useCallback(
    (data: Data) => historyDrawing(data.rows, gene, data.genes[gene]?.label ?? "", data.total, palette),
    [gene, palette],
  );
  return (
    <ChartCard
      id="history"
      title="One coefficient over the search"
      reading="Strong cells are where many candidates of a stretch lie; a narrow line at the end means that the search has settled. Rings are the best ten."
      query={query}
      reason={(data) => (data.rows.length < 2 ? "The search has not drawn enough candidates yet." : null)}
      draw={draw}
      python={`client.coefficients("${experiment}", order="even", limit=500)`}
      controls={
        genes.length > 1 ? (
          <Picker
            label="Coefficient"
            value={String(gene)}
            onChange={(next) => change({ gene: next === "0" ? undefined : next })}
          >
            {genes.map(({ index, label }) => (
              <option key={index} value={index}>
                {label}
              </option>
            ))}
          </Picker>
        ) : null
      }
    />
  );
}
