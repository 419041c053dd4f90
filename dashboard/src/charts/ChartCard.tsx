import { type ReactNode, useMemo, useRef, useState } from "react";
import { snapshot } from "@/api/snapshot";
import { Card } from "@/parts/Card";
import { Empty, ErrorNotice, Loading, SampledNote } from "@/parts/states";
import { Chart, type ChartHandle, type ChartProps } from "./Chart";
import styles from "./ChartCard.module.css";
import { type Action, ChartMenu } from "./ChartMenu";
import { DataTable, type TableData, toCsv } from "./data";

/** What a plot makes of its data. */
export interface Drawing
  extends Pick<ChartProps, "option" | "height" | "minWidth" | "narrow" | "on" | "actions" | "group"> {
  /** One or two sentences with the numbers that matter: the finding above the chart, and its text alternative. */
  description: string;
  /** The same data as a table, for everybody. */
  table: TableData;
  /** Where not everything is drawn. */
  sampled?: { shown: number; total: number; what: string };
}

/** What a plot needs of a query, or of several that became one. */
export interface Asked<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

interface Props<T> {
  /** Anchor of the permanent link, and name of downloaded files. */
  id: string;
  title: string;
  /** How to read it, in one line. */
  reading: string;
  query: Asked<T>;
  /** Why there is nothing to draw for this experiment, in a sentence; null where there is. */
  reason: (data: T) => string | null;
  draw: (data: T) => Drawing;
  /** The Python call that returns the data. */
  python: string;
  /** What can be chosen about the plot; a choice that people share is in the address. */
  controls?: ReactNode;
  /** What belongs to the plot and stands below it. */
  children?: ReactNode;
}

/** One plot with everything around it: how to read it, its states, its data, its downloads, its link. */
export function ChartCard<T>(props: Props<T>) {
  const { id, title, reading, query, reason, draw, python, controls, children } = props;
  const [asTable, setAsTable] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const chart = useRef<ChartHandle>(null);
  const why = query.data === undefined ? null : reason(query.data);
  const drawing = useMemo(
    () => (query.data === undefined || why !== null ? null : draw(query.data)),
    [query.data, why, draw],
  );

  async function attempt(work: Action["run"]): Promise<boolean> {
    setFailure(null);
    try {
      await work();
      return true;
    } catch (error) {
      setFailure(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }
  const actions: Action[] =
    drawing === null
      ? []
      : [
          { name: asTable ? "Show the chart" : "Show as a table", run: () => setAsTable(!asTable) },
          {
            name: "Download CSV",
            run: () => download(new Blob([toCsv(drawing.table)], { type: "text/csv" }), `${id}.csv`),
          },
          ...(asTable
            ? []
            : (["png", "svg"] as const).map((kind) => ({
                name: `Download ${kind.toUpperCase()}`,
                run: async () => {
                  if (chart.current) download(await chart.current.picture(kind), `${id}.${kind}`);
                },
              }))),
          ...(snapshot === null
            ? [
                { name: "Copy link", run: () => copy(linkTo(id)), done: "Copied" },
                { name: "Copy Python call", run: () => copy(python), done: "Copied" },
              ]
            : []),
        ];

  return (
    <Card
      id={id}
      title={title}
      reading={reading}
      actions={drawing === null ? null : <ChartMenu title={title} actions={actions} attempt={attempt} />}
    >
      {controls ? <div className={styles.controls}>{controls}</div> : null}
      {failure ? <ErrorNotice error={failure} /> : null}
      {query.data === undefined ? (
        query.error ? (
          <ErrorNotice error={query.error} retry={() => query.refetch()} />
        ) : (
          <Loading what={title.toLowerCase()} />
        )
      ) : null}
      {why === null ? null : <Empty title="Nothing to draw">{<p>{sentence(why)}</p>}</Empty>}
      {drawing === null ? null : (
        <>
          <p className={styles.finding}>{drawing.description}</p>
          {drawing.sampled ? <SampledNote {...drawing.sampled} /> : null}
          {asTable ? (
            <DataTable caption={title} data={drawing.table} />
          ) : (
            <Chart ref={chart} {...chartOf(drawing)} />
          )}
          {children}
        </>
      )}
    </Card>
  );
}

/** Reasons come from several places, and some as a clause. */
const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

const chartOf = ({ table: _table, sampled: _sampled, ...chart }: Drawing): ChartProps => chart;

const copy = (text: string): Promise<void> => navigator.clipboard.writeText(text);

function linkTo(id: string): string {
  const url = new URL(window.location.href);
  url.hash = id;
  return url.toString();
}

/** Hands the reader a file. */
export function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
