import type { UseQueryResult } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";
import { ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { lineageDrawing } from "./drawing";
import { candidateOf, LineageTree } from "./LineageTree";
import type { Lineage, Node } from "./layout";

interface Props {
  experiment: string;
  query: UseQueryResult<Lineage>;
}

/** Where does the model come from? */
export function LineageChart({ experiment, query }: Props) {
  const palette = usePalette();
  const navigate = useNavigate();
  const open = useCallback(
    (node: Node) => {
      const number = candidateOf(node);
      if (number !== null)
        void navigate({ to: "/experiments/$id/candidates/$number", params: { id: experiment, number } });
    },
    [navigate, experiment],
  );
  const draw = useCallback((data: Lineage) => lineageDrawing(data, palette, open), [palette, open]);
  return (
    <ChartCard
      id="lineage"
      title="Lineage"
      reading="From left to right: what went into what. Labels are the experts' weights; a click on a candidate opens it."
      query={query}
      reason={(data) => data.reason ?? (data.nodes.length === 0 ? "Nothing is scored yet." : null)}
      draw={draw}
      python={`client.lineage("${experiment}")`}
    >
      {query.data === undefined ? null : <LineageTree experiment={experiment} data={query.data} />}
    </ChartCard>
  );
}
