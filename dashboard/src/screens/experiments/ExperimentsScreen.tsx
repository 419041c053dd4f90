import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { Problem } from "@/api/problem";
import { experimentsQuery } from "@/api/queries";
import { Answer } from "@/parts/Answer";
import { Button, buttonClass } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { PageHead } from "@/parts/PageHead";
import { Empty, StaleNote } from "@/parts/states";
import { useMay } from "@/session/useScope";
import { Begin } from "./Begin";
import styles from "./ExperimentsScreen.module.css";
import { Filters } from "./Filters";
import { List } from "./List";
import { Picks } from "./Picks";
import { readPicks } from "./picked";

type Experiment = Schemas["ExperimentView"];

const BUSY_MS = 4_000;
const QUIET_MS = 30_000;

/** Whether something changes by itself: it runs, or the server is about to start it. */
const moves = ({ state, wanted }: Experiment): boolean =>
  state === "running" || (wanted === "run" && (state === "created" || state === "interrupted"));

/** Every experiment: how it stands and how far it is. */
export default function ExperimentsScreen() {
  const { q, state, owner, ids } = useSearch({ from: "/experiments" });
  const navigate = useNavigate({ from: "/experiments" });
  const found = useInfiniteQuery({
    ...experimentsQuery({ q, state: state as Experiment["state"], owner }),
    // Every page that is shown is asked for again, so more pages are asked for less often.
    refetchInterval: ({ state: { data } }) => {
      const pages = data?.pages ?? [];
      const busy = pages.some((page) => page.experiments.some(moves));
      return (busy ? BUSY_MS : QUIET_MS) * Math.max(pages.length, 1);
    },
    placeholderData: (old) => old,
  });
  const experiments = found.data?.pages.flatMap((page) => page.experiments) ?? [];
  const picks = readPicks(ids);
  const pick = (chosen: readonly string[]) =>
    void navigate({
      search: ({ ids: _, ...rest }) => (chosen.length > 0 ? { ...rest, ids: chosen.join(",") } : rest),
      replace: true,
    });
  const filtered = q !== undefined || state !== undefined || owner !== undefined;
  const gone = found.error instanceof Problem && found.error.unreachable;
  return (
    <>
      <PageHead title="Experiments" below="Newest first." actions={<NewLink />} />
      {gone && found.data ? (
        <div className={styles.stale}>
          <StaleNote since={found.dataUpdatedAt} />
        </div>
      ) : null}
      <Answer query={found} what="the experiments">
        {() =>
          experiments.length === 0 && !filtered ? (
            <Begin />
          ) : (
            <Card
              title="All experiments"
              reading="The best candidate so far against the best of base and experts, on items that both were scored on. The search chose it by them, which flatters it."
            >
              <Filters owners={[...new Set(experiments.map((one) => one.owner).filter(Boolean))]} />
              {experiments.length === 0 ? (
                <Empty title="No experiment is like this">
                  <p>
                    <Link to="/experiments">Show all experiments</Link>
                  </p>
                </Empty>
              ) : (
                <List experiments={experiments} picks={picks} pick={pick} />
              )}
              <div className={styles.foot}>
                <span role="status">
                  {found.hasNextPage ? `The newest ${experiments.length} are shown.` : null}
                </span>
                {found.hasNextPage ? (
                  <Button disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                    {found.isFetchingNextPage ? "Loading…" : "Show older ones"}
                  </Button>
                ) : null}
              </div>
            </Card>
          )
        }
      </Answer>
      {picks.length > 0 ? <Picks picks={picks} pick={pick} /> : null}
    </>
  );
}

function NewLink() {
  const may = useMay("run");
  return may ? (
    <Link to="/experiments/new" className={buttonClass("primary")}>
      New experiment
    </Link>
  ) : null;
}
