import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { headlineQuery, partQuery } from "@/api/queries";
import { readReport } from "./report";
import { interim, type Verdict, verdictOf } from "./verdict";

/** The verdict on test items, or how things stand before there is one; undefined while that is loaded. */
export function useVerdict(experiment: Schemas["ExperimentDetail"]): Verdict | null | undefined {
  const { id, outcome } = experiment;
  const report = readReport(outcome?.report);
  const enabled = report === null && experiment.progress.scored > 0;
  const headline = useQuery({ ...headlineQuery(id), enabled });
  const baselines = useQuery({ ...partQuery(id, "baselines"), enabled });
  const plain = bestPlain(baselines.data);
  const best = headline.data?.best?.number;
  const versus = useQuery({
    ...partQuery(id, "comparison", { number: best ?? 0, against: plain?.number ?? 0, split: "search" }),
    enabled: enabled && best !== undefined && plain !== undefined && plain.number !== best,
  });
  if (report !== null) return verdictOf(report, outcome?.winner?.number ?? null);
  if (!enabled) return null;
  if (headline.data === undefined) return headline.error ? null : undefined;
  if (headline.data === null) return null;
  const score = plain?.splits.search;
  return interim(
    headline.data,
    plain === undefined || score === undefined
      ? null
      : { label: plain.label, score, gain: versus.data?.overall ?? null },
  );
}

function bestPlain(found: Schemas["Baselines"] | undefined): Schemas["RoleView"] | undefined {
  return found?.models
    .filter((one) => one.role === "baseline" && one.fitness !== null)
    .sort((a, b) => (b.fitness as number) - (a.fitness as number))[0];
}
