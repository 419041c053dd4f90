import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { experimentQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Button } from "@/parts/Button";
import { Picker } from "@/parts/Picker";
import { Empty } from "@/parts/states";
import styles from "./CandidatesTab.module.css";
import { CandidateTable } from "./candidates/CandidateTable";
import { GoTo } from "./candidates/GoTo";
import { ORDERS, useCandidates } from "./candidates/useCandidates";
import { KIND_WORDS } from "./candidates/words";

const KINDS = ["baseline", "search", "mean", "injected"] as const;
const STATES = ["asked", "scored", "infeasible"] as const;
const ORDER_WORDS = { "-number": "latest first", number: "by number", "-fitness": "best first" } as const;

const one = <T extends string>(values: readonly T[], given: string | undefined): T | undefined =>
  values.find((value) => value === given);

/** Every candidate of the experiment. */
export default function CandidatesTab() {
  const { id } = useParams({ from: "/experiments/$id/candidates" });
  const search = useSearch({ from: "/experiments/$id/candidates" });
  const navigate = useNavigate({ from: "/experiments/$id/candidates" });
  const detail = useQuery(experimentQuery(id)).data;
  const order = one(ORDERS, search.order) ?? "-number";
  const kind = one(KINDS, search.kind);
  const state = one(STATES, search.state);
  const running = detail?.state === "running";
  const pages = useCandidates(id, { order, kind, state }, running);
  const candidates = useMemo(() => pages.data?.pages.flatMap((page) => page.candidates) ?? [], [pages.data]);
  const change = (key: "order" | "kind" | "state") => (value: string) =>
    void navigate({ search: (old) => ({ ...old, [key]: value || undefined }), replace: true });
  const total = detail?.progress.candidates ?? 0;
  return (
    <>
      <div className={styles.bar}>
        <h2>Candidates</h2>
        {snapshot === null ? (
          <>
            <Picker label="Order" value={order} onChange={change("order")}>
              {ORDERS.map((value) => (
                <option key={value} value={value}>
                  {ORDER_WORDS[value]}
                </option>
              ))}
            </Picker>
            <Picker label="Kind" value={kind ?? ""} onChange={change("kind")}>
              <option value="">all</option>
              {KINDS.map((value) => (
                <option key={value} value={value}>
                  {KIND_WORDS[value]}
                </option>
              ))}
            </Picker>
            <Picker label="State" value={state ?? ""} onChange={change("state")}>
              <option value="">all</option>
              {STATES.map((value) => (
                <option key={value} value={value}>
                  {value}
                </option>
              ))}
            </Picker>
          </>
        ) : null}
        <GoTo experiment={id} total={total} />
      </div>
      <p className={styles.note}>
        {kind || state
          ? `${count(candidates.length)}${pages.hasNextPage ? " so far" : ""} match, of ${count(total)} candidates.`
          : `${count(candidates.length)} of ${count(total)} candidates are loaded; more follow as you scroll.`}{" "}
        {running && (pages.data?.pages.length ?? 0) > 1 ? (
          <>
            New ones are not added while you read further pages.{" "}
            <Button onClick={() => pages.refetch()} disabled={pages.isFetching}>
              Update
            </Button>
          </>
        ) : null}
      </p>
      <Answer query={pages} what="the candidates">
        {() =>
          candidates.length === 0 ? (
            <Empty title="No such candidate">
              <p>{kind || state ? "The filters leave none." : "The first ones are proposed when it runs."}</p>
            </Empty>
          ) : (
            <CandidateTable
              candidates={candidates}
              order={order}
              onOrder={change("order")}
              onMore={pages.hasNextPage && !pages.isFetching ? pages.fetchNextPage : null}
            />
          )
        }
      </Answer>
    </>
  );
}
