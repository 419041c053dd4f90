import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { candidateQuery, experimentQuery, partQuery } from "@/api/queries";
import type { Asked } from "../ChartCard";
import { type Row, rowsOf } from "./rows";
import { type CoefficientData, genesOf } from "./views";

/** What the plots of coefficients draw, and the searched candidates that it is drawn of. */
type Found = CoefficientData & { rows: readonly Row[]; total: number };

const MOST = 500;

/** An even sample of the searched candidates with the best and the latest, as one query. */
export function useCoefficients(id: string): Asked<Found> {
  const detail = useQuery(experimentQuery(id));
  const best = useQuery(partQuery(id, "coefficients", { order: "-fitness", limit: 20 }));
  const latest = useQuery(partQuery(id, "coefficients", { order: "-number", limit: 50 }));
  const even = useQuery(partQuery(id, "coefficients", { order: "even", limit: MOST }));
  const trace = useQuery(partQuery(id, "trace", { points: 500 }));
  const winner = detail.data?.outcome?.winner?.number ?? null;
  const fittest = best.data?.number[0];
  const chosen = useQuery({ ...candidateQuery(id, winner ?? 0), enabled: winner !== null });
  const second = useQuery({ ...candidateQuery(id, fittest ?? 0), enabled: fittest !== undefined });
  // Where a plain merge won, there is no point of the search to show.
  const candidate = (chosen.data?.vector ? chosen.data : second.data) ?? null;

  const data = useMemo((): Found | undefined => {
    if (!detail.data || !best.data || !latest.data || !even.data || !trace.data) return undefined;
    const { resolved, progress, spec } = detail.data;
    const genes = genesOf(best.data.genes, Object.keys(spec.models ?? {}));
    const rows = rowsOf(genes.length, even.data, best.data, latest.data);
    return {
      genes,
      latest: latest.data,
      candidate,
      trace: trace.data,
      slots: (resolved.slots as readonly string[] | undefined) ?? [],
      winner,
      rows,
      total: progress.candidates <= MOST ? rows.length : progress.candidates,
    };
  }, [detail.data, best.data, latest.data, even.data, trace.data, candidate, winner]);

  const failed = [detail, best, latest, even, trace].find((one) => one.error !== null);
  return { data, error: failed?.error ?? null, refetch: failed?.refetch ?? detail.refetch };
}
