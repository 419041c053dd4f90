import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { candidateQuery, experimentQuery, partQuery } from "@/api/queries";
import { type Row, rowsOf } from "./rows";
import { bestRow, type CoefficientData, genesOf } from "./views";

/** What the plots of coefficients draw, as one query: the best, the latest and the first searched candidates. */
export function useCoefficients(id: string) {
  const detail = useQuery(experimentQuery(id));
  const best = useQuery(partQuery(id, "coefficients", { order: "-fitness", limit: 500 }));
  const latest = useQuery(partQuery(id, "coefficients", { order: "-number", limit: 500 }));
  const first = useQuery(partQuery(id, "coefficients", { order: "number", limit: 500 }));
  const trace = useQuery(partQuery(id, "trace", { points: 500 }));
  const winner = detail.data?.outcome?.winner?.number ?? null;
  const number = best.data?.number[best.data ? bestRow(best.data, winner) : 0];
  const candidate = useQuery({ ...candidateQuery(id, number ?? 0), enabled: number !== undefined });

  const data = useMemo((): (CoefficientData & { rows: readonly Row[]; total: number }) | undefined => {
    if (!detail.data || !best.data || !latest.data || !first.data || !trace.data) return undefined;
    const { resolved, progress } = detail.data;
    const genes = genesOf(best.data.genes, Object.keys(detail.data.spec.models ?? {}));
    const rows = rowsOf(genes.length, best.data, latest.data, first.data);
    return {
      genes,
      best: best.data,
      latest: latest.data,
      candidate: candidate.data ?? null,
      trace: trace.data,
      slots: (resolved.slots as readonly string[] | undefined) ?? [],
      winner,
      rows,
      total: latest.data.number.length < 500 ? rows.length : progress.candidates,
    };
  }, [detail.data, best.data, latest.data, first.data, trace.data, candidate.data, winner]);

  const failed = [detail, best, latest, first, trace].find((one) => one.error !== null);
  return {
    data,
    error: failed?.error ?? null,
    refetch: failed?.refetch ?? detail.refetch,
  };
}
