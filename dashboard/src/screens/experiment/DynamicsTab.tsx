import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { partQuery } from "@/api/queries";
import { ParetoChart } from "@/charts/pareto/ParetoChart";
import { VolumeChart } from "@/charts/pareto/VolumeChart";
import { SearchCharts } from "@/charts/search/SearchCharts";
import { Stack } from "@/parts/Stack";

/** How the search goes its way: its distribution, and the trade-offs that it found. */
export default function DynamicsTab() {
  const { id } = useParams({ from: "/experiments/$id/dynamics" });
  const tradeoffs = useQuery(partQuery(id, "tradeoffs", { limit: 2000 }));
  return (
    <Stack>
      <SearchCharts experiment={id} />
      <ParetoChart experiment={id} query={tradeoffs} />
      {/* Where there are no trade-offs the other says why. */}
      {tradeoffs.data?.reason ? null : <VolumeChart experiment={id} query={tradeoffs} />}
    </Stack>
  );
}
