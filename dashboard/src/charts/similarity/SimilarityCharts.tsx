import type { UseQueryResult } from "@tanstack/react-query";
import { useCallback } from "react";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { type Similarity, similarityDrawing, spreadDrawing, type Trace } from "./drawing";

interface Props {
  experiment: string;
  similarity: UseQueryResult<Similarity>;
  trace: UseQueryResult<Trace>;
}

/** How different are the parents, and does the search still explore? */
export function SimilarityCharts({ experiment, similarity, trace }: Props) {
  const palette = usePalette();
  const matrix = useCallback((data: Similarity) => similarityDrawing(data, palette), [palette]);
  const spread = useCallback((data: Trace) => spreadDrawing(data, palette), [palette]);
  return (
    <>
      <ChartCard
        id="similarity"
        title="Similarity of the experts"
        reading="Cosine of what each expert changed in the base. 1: the same change; 0: unrelated, which merges easily; below 0: they undo each other."
        query={similarity}
        reason={(data) => data.reason}
        draw={matrix}
        python={`client.similarity("${experiment}")`}
      />
      <ChartCard
        id="spread"
        title="Spread of the candidates"
        reading="Mean distance of an update's candidates from their mean, where each coefficient's first step is 1. Towards 0 the search settles."
        query={trace}
        reason={(data) =>
          data.reason ?? (data.update.length === 0 ? "The search has not updated itself yet." : null)
        }
        draw={spread}
        python={`client.trace("${experiment}")`}
      />
    </>
  );
}
