import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { partQuery } from "@/api/queries";
import { LineageChart } from "@/charts/lineage/LineageChart";
import { SimilarityCharts } from "@/charts/similarity/SimilarityCharts";
import { Stack } from "@/parts/Stack";

/** Where does the result come from, and how different is what went into it? */
export default function LineageTab() {
  const { id } = useParams({ from: "/experiments/$id/lineage" });
  const lineage = useQuery(partQuery(id, "lineage"));
  const similarity = useQuery(partQuery(id, "similarity"));
  const trace = useQuery(partQuery(id, "trace", { points: 500 }));
  return (
    <Stack>
      <LineageChart experiment={id} query={lineage} />
      <Stack pairs>
        <SimilarityCharts experiment={id} similarity={similarity} trace={trace} />
      </Stack>
    </Stack>
  );
}
