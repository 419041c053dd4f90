import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { Problem } from "@/api/problem";
import { experimentQuery, lastEventQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { ConnectionState } from "@/live/ConnectionState";
import { isFinal, LiveProvider, useFollow } from "@/live/useLive";
import { PageHead } from "@/parts/PageHead";
import { StateBadge } from "@/parts/StateBadge";
import { ErrorNotice, Loading, StaleNote } from "@/parts/states";
import { Actions } from "./Actions";
import styles from "./ExperimentScreen.module.css";

const TABS = [
  ["/experiments/$id", "Overview"],
  ["/experiments/$id/candidates", "Candidates"],
  ["/experiments/$id/coefficients", "Coefficients"],
  ["/experiments/$id/dynamics", "Search dynamics"],
  ["/experiments/$id/generalisation", "Generalisation"],
  ["/experiments/$id/workers", "Workers and cost"],
  ["/experiments/$id/lineage", "Lineage"],
  ["/experiments/$id/log", "Log"],
  ["/experiments/$id/configuration", "Configuration"],
] as const;

/** One experiment: its heading, its tabs, and the stream that keeps them fresh. */
export default function ExperimentScreen() {
  const { id } = useParams({ from: "/experiments/$id" });
  const detail = useQuery(experimentQuery(id));
  const events = useQuery(lastEventQuery(id));
  if (detail.data === undefined)
    return detail.error ? (
      <ErrorNotice error={detail.error} retry={() => detail.refetch()} />
    ) : (
      <Loading what="the experiment" />
    );
  const problem = detail.error instanceof Problem ? detail.error : null;
  return (
    <Followed key={id} id={id} lastSeq={events.data?.last_seq} final={isFinal(detail.data.state)}>
      <PageHead
        title={detail.data.name}
        below={
          <span className={styles.below}>
            <StateBadge state={detail.data.state} />
            {detail.data.wanted === "pause" && detail.data.state === "running" ? "will pause soon" : null}
            {detail.data.wanted === "cancel" && !isFinal(detail.data.state) ? "will be cancelled soon" : null}
            <code>{id}</code>
            {detail.data.owner ? <span>by {detail.data.owner}</span> : null}
            <ConnectionState />
          </span>
        }
        actions={<Actions experiment={detail.data} />}
      />
      {problem?.unreachable && snapshot === null ? <StaleNote since={detail.dataUpdatedAt} /> : null}
      {detail.data.error ? (
        <p className={styles.error} data-state={detail.data.state} role="alert">
          <strong>{detail.data.state === "failed" ? "It failed" : "It stopped"}:</strong> {detail.data.error}
        </p>
      ) : null}
      <nav className={styles.tabs} aria-label="Parts of the experiment">
        {TABS.map(([to, name]) => (
          <Link
            key={to}
            to={to}
            params={{ id }}
            activeOptions={{ exact: to === "/experiments/$id" }}
            data-name={name}
          >
            {name}
          </Link>
        ))}
      </nav>
      <Outlet />
    </Followed>
  );
}

interface FollowedProps {
  id: string;
  lastSeq: number | undefined;
  final: boolean;
  children: React.ReactNode;
}

function Followed({ id, lastSeq, final, children }: FollowedProps) {
  const live = useFollow(id, lastSeq, final);
  return <LiveProvider value={live}>{children}</LiveProvider>;
}
