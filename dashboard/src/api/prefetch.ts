/** Asks at once for all that a screen shows first, for each of its parts would ask only when it is drawn. */
import { queryClient } from "./cache";
import {
  decisionsQuery,
  experimentQuery,
  headlineQuery,
  historyQuery,
  lastEventQuery,
  partQuery,
  pointsQuery,
  seriesQuery,
  wideSeriesQuery,
} from "./queries";

export function prefetchExperiment(id: string): void {
  void queryClient.prefetchQuery(experimentQuery(id));
  void queryClient.prefetchQuery(lastEventQuery(id));
  void queryClient.prefetchQuery(decisionsQuery(id));
}

export function prefetchOverview(id: string): void {
  void queryClient.prefetchQuery(seriesQuery(id));
  void queryClient.prefetchQuery(wideSeriesQuery(id));
  void queryClient.prefetchQuery(pointsQuery(id));
  void queryClient.prefetchQuery(partQuery(id, "baselines"));
  void queryClient.prefetchQuery(partQuery(id, "artifacts"));
  void queryClient.prefetchQuery(historyQuery(id));
  void prefetchUnfinished(id);
}

async function prefetchUnfinished(id: string): Promise<void> {
  const detail = experimentQuery(id);
  await queryClient.prefetchQuery(detail);
  if (queryClient.getQueryData(detail.queryKey)?.outcome !== null) return;
  void queryClient.prefetchQuery(headlineQuery(id));
  void queryClient.prefetchQuery(partQuery(id, "vitals"));
}
