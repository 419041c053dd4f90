import { createColumnHelper, FlexRender, type Row, tableFeatures, useTable } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useMemo, useRef } from "react";
import type { Schemas } from "@/api/client";
import { score } from "@/format/numbers";
import { ago, exact } from "@/format/times";
import { StateBadge } from "@/parts/StateBadge";
import { CandidateLink } from "./CandidateLink";
import styles from "./CandidateTable.module.css";
import type { Order } from "./useCandidates";
import { KIND_WORDS } from "./words";

type Candidate = Schemas["CandidateView"];
const ROW_HEIGHT = 40;
/** How many rows before the end the next page is asked for. */
const AHEAD = 40;

const features = tableFeatures({});
const column = createColumnHelper<typeof features, Candidate>();
const columns = column.columns([
  column.accessor("number", {
    header: "Number",
    cell: ({ row }) => <CandidateLink number={row.original.number} />,
  }),
  column.accessor("label", { header: "Name", cell: ({ getValue }) => getValue() || "–" }),
  column.accessor("kind", { header: "Kind", cell: ({ getValue }) => KIND_WORDS[getValue()] }),
  column.accessor("state", { header: "State", cell: ({ getValue }) => <StateBadge state={getValue()} /> }),
  column.accessor("fitness", { header: "Fitness", cell: ({ getValue }) => score(getValue()) }),
  column.accessor("created_at", {
    header: "Proposed",
    cell: ({ getValue }) => (
      <time dateTime={getValue()} title={exact(getValue())}>
        {ago(getValue())}
      </time>
    ),
  }),
  column.accessor("reason", {
    header: "Why infeasible",
    cell: ({ getValue }) => <span title={getValue() ?? undefined}>{getValue()}</span>,
  }),
]);

/** What a click on a column's heading orders by, in turn. */
const SORTS: Partial<Record<string, readonly Order[]>> = {
  number: ["-number", "number"],
  fitness: ["-fitness"],
};

interface Props {
  candidates: Candidate[];
  order: Order;
  onOrder: (order: Order) => void;
  /** Asks for the next page; null where there is none. */
  onMore: (() => void) | null;
}

/** A table of any length, of which only what is seen is in the document. */
export function CandidateTable({ candidates, order, onOrder, onMore }: Props) {
  const region = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: candidates.length,
    getScrollElement: () => region.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const shown = virtual.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown.at(-1)?.index ?? -1;
  const seen = useMemo(() => candidates.slice(first, last + 1), [candidates, first, last]);
  const table = useTable({ features, columns, data: seen, getRowId: (one) => String(one.number) });
  const wantsMore = onMore !== null && last >= candidates.length - AHEAD;
  useEffect(() => {
    if (wantsMore) onMore?.();
  }, [wantsMore, onMore]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section ref={region} className={styles.scroll} tabIndex={0} aria-label="Candidates">
      <table className={styles.table} aria-rowcount={onMore === null ? candidates.length + 1 : -1}>
        <caption className="visually-hidden">Candidates</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} aria-rowindex={1}>
              {group.headers.map((header) => (
                <th
                  key={header.id}
                  scope="col"
                  data-column={header.column.id}
                  aria-sort={sorted(header.column.id, order)}
                >
                  <Heading id={header.column.id} order={order} onOrder={onOrder}>
                    <FlexRender header={header} />
                  </Heading>
                </th>
              ))}
            </tr>
          ))}
        </thead>
        <Space height={shown[0]?.start ?? 0} />
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <Line key={row.id} row={row} place={first + row.index} />
          ))}
        </tbody>
        <Space height={virtual.getTotalSize() - (shown.at(-1)?.end ?? 0)} />
      </table>
    </section>
  );
}

interface LineProps {
  row: Row<typeof features, Candidate>;
  /** Among all candidates that are loaded. */
  place: number;
}

/** One candidate; drawn again only when it has changed, not whenever the table is scrolled. */
const Line = memo(
  function Line({ row, place }: LineProps) {
    return (
      <tr aria-rowindex={place + 2}>
        {row.getAllCells().map((cell) => (
          <td key={cell.id} data-column={cell.column.id}>
            <FlexRender cell={cell} />
          </td>
        ))}
      </tr>
    );
  },
  (old, now) => old.row.original === now.row.original && old.place === now.place,
);

/** Stands for the rows that are not in the document. */
function Space({ height }: { height: number }) {
  return height > 0 ? (
    <tbody aria-hidden="true">
      <tr>
        <td className={styles.space} colSpan={columns.length} style={{ height }} />
      </tr>
    </tbody>
  ) : null;
}

function sorted(id: string, order: Order): "ascending" | "descending" | undefined {
  if (!SORTS[id]?.includes(order)) return undefined;
  return order.startsWith("-") ? "descending" : "ascending";
}

interface HeadingProps {
  id: string;
  order: Order;
  onOrder: (order: Order) => void;
  children: React.ReactNode;
}

function Heading({ id, order, onOrder, children }: HeadingProps) {
  const orders = SORTS[id];
  if (orders === undefined) return children;
  const next = orders[(orders.indexOf(order) + 1) % orders.length] as Order;
  const how = sorted(id, order);
  return (
    <button type="button" className={styles.sort} onClick={() => onOrder(next)}>
      {children}
      <span aria-hidden="true">{how === undefined ? "↕" : how === "ascending" ? "↑" : "↓"}</span>
    </button>
  );
}
