import { useQueries, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { experimentQuery } from "@/api/queries";
import { CompareChart } from "@/charts/compare/CompareChart";
import { PageHead } from "@/parts/PageHead";
import { Stack } from "@/parts/Stack";
import { ErrorNotice } from "@/parts/states";
import { incomparable } from "./differences";
import { MOST, Picked } from "./Picked";
import { comparisonQuery } from "./queries";
import { SpecDifferences, Verdicts } from "./SideBySide";
import styles from "./SideBySide.module.css";

/** Up to six experiments side by side. */
export default function CompareScreen() {
  const search = useSearch({ from: "/compare" });
  const navigate = useNavigate();
  const ids = [...new Set(search.ids?.split(",").filter((id) => id !== ""))].slice(0, MOST);
  const comparison = useQuery(comparisonQuery(ids));
  const details = useQueries({ queries: ids.map(experimentQuery) }).flatMap(({ data }) => data ?? []);
  const change = (next: readonly string[]) =>
    void navigate({
      to: "/compare",
      search: (old) => ({ ...old, ids: next.join(",") || undefined }) as typeof old,
      replace: true,
      resetScroll: false,
    });
  const shown = ids.length > 0 ? comparison.data : undefined;
  return (
    <>
      <PageHead
        title="Compare"
        below="Experiments side by side: their curves, what came out, and what differs in their specs."
      />
      <Stack>
        <Picked
          ids={ids}
          experiments={comparison.data?.experiments.map((one) => one.experiment) ?? []}
          change={change}
        />
        {comparison.error ? (
          <ErrorNotice error={comparison.error} retry={() => comparison.refetch()} />
        ) : null}
        {details.length > 1 ? (
          <Warning reasons={[...incomparable(details), ...(shown?.warnings ?? [])]} />
        ) : null}
        {ids.length > 0 && comparison.error === null ? <CompareChart query={comparison} ids={ids} /> : null}
        {shown === undefined ? null : <Verdicts {...shown} />}
        {details.length > 1 ? <SpecDifferences details={details} /> : null}
      </Stack>
    </>
  );
}

function Warning({ reasons }: { reasons: readonly string[] }) {
  if (reasons.length === 0) return null;
  return (
    <div className={styles.warning} role="note">
      <strong>Compare them with care</strong>
      <ul>
        {reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </div>
  );
}
