import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { partQuery } from "@/api/queries";
import { FitnessChart } from "@/charts/fitness/FitnessChart";

export default function OverviewTab() {
  const { id } = useParams({ from: "/experiments/$id/" });
  const series = useQuery(partQuery(id, "series", { points: 500 }));
  return <FitnessChart experiment={id} series={series} />;
}
