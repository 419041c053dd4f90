import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { partQuery } from "@/api/queries";
import { CostCharts } from "@/charts/cost/CostCharts";
import { TimelineChart } from "@/charts/timeline/TimelineChart";
import { Stack } from "@/parts/Stack";
import { Spent } from "./workers/Spent";
import { WorkersTable } from "./workers/WorkersTable";

/** Where do time and money go? */
export default function WorkersTab() {
  const { id } = useParams({ from: "/experiments/$id/workers" });
  const timeline = useQuery(partQuery(id, "timeline", { limit: 2000 }));
  const cost = useQuery(partQuery(id, "cost", { points: 60 }));
  const workers = useQuery(partQuery(id, "workers"));
  return (
    <Stack>
      <Spent query={cost} />
      <TimelineChart experiment={id} query={timeline} />
      <Stack pairs>
        <CostCharts experiment={id} query={cost} />
      </Stack>
      <WorkersTable query={workers} />
    </Stack>
  );
}
