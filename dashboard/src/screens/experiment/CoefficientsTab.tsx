import { useParams } from "@tanstack/react-router";
import { CoefficientsChart } from "@/charts/coefficients/CoefficientsChart";
import { HistoryChart } from "@/charts/coefficients/HistoryChart";
import { useCoefficients } from "@/charts/coefficients/useCoefficients";
import { ParallelChart } from "@/charts/parallel/ParallelChart";
import { Stack } from "@/parts/Stack";

/** What the search learned about the coefficients. */
export default function CoefficientsTab() {
  const { id } = useParams({ from: "/experiments/$id/coefficients" });
  const query = useCoefficients(id);
  return (
    <Stack>
      <CoefficientsChart experiment={id} query={query} />
      <HistoryChart experiment={id} query={query} />
      <ParallelChart experiment={id} query={query} />
    </Stack>
  );
}
