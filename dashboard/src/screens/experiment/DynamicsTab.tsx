import { useParams } from "@tanstack/react-router";
import { ParetoChart } from "@/charts/pareto/ParetoChart";
import { SearchCharts } from "@/charts/search/SearchCharts";
import { Stack } from "@/parts/Stack";

/** How the search goes its way: its distribution, and the trade-offs that it found. */
export default function DynamicsTab() {
  const { id } = useParams({ from: "/experiments/$id/dynamics" });
  return (
    <Stack>
      <SearchCharts experiment={id} />
      <ParetoChart experiment={id} />
    </Stack>
  );
}
