import type { UseQueryResult } from "@tanstack/react-query";
import type { EChartsCoreOption } from "echarts/core";
import { type ReactNode, useRef, useState } from "react";
import { snapshot } from "@/api/snapshot";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { Empty, ErrorNotice, Loading, SampledNote } from "@/parts/states";
import { Chart, type ChartHandle, type ChartProps } from "./Chart";
import styles from "./ChartCard.module.css";
import { DataTable, type TableData, toCsv } from "./data";

/** What a plot makes of its data. */
export interface Drawing {
  option: EChartsCoreOption;
  /** One or two sentences with the numbers that matter, for people who do not see the chart. */
  description: string;
  /** The same data as a table, for everybody. */
  table: TableData;
  height?: number;
  on?: ChartProps["on"];
  /** Where not everything is drawn. */
  sampled?: { shown: number; total: number; what: string };
}

interface Props<T> {
  /** Anchor of the permanent link, and name of downloaded files. */
  id: string;
  title: string;
  /** How to read it, in one line. */
  reading: string;
  query: UseQueryResult<T>;
  /** Why there is nothing to draw for this experiment, in a sentence; null where there is. */
  reason: (data: T) => string | null;
  draw: (data: T) => Drawing;
  /** The Python call that returns the data. */
  python: string;
  controls?: ReactNode;
}

/** One plot with everything around it: how to read it, its states, its data, its downloads, its link. */
export function ChartCard<T>({ id, title, reading, query, reason, draw, python, controls }: Props<T>) {
  const [asTable, setAsTable] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const chart = useRef<ChartHandle>(null);
  const why = query.data === undefined ? null : reason(query.data);
  const drawing = query.data === undefined || why !== null ? null : draw(query.data);

  function attempt(work: () => Promise<void> | void): void {
    setFailure(null);
    Promise.resolve().then(work).catch(setFailure);
  }
  const save = (kind: "png" | "svg") =>
    attempt(async () => {
      if (chart.current) download(await chart.current.picture(kind), `${id}.${kind}`);
    });

  return (
    <Card
      id={id}
      title={title}
      reading={reading}
      actions={
        <>
          {controls}
          {drawing === null ? null : (
            <details className={styles.menu}>
              <summary>
                Data<span className="visually-hidden"> and downloads of {title}</span>
              </summary>
              <div>
                <Button look="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
                  {asTable ? "Show the chart" : "Show as a table"}
                </Button>
                <Button
                  look="quiet"
                  onClick={() =>
                    attempt(() =>
                      download(new Blob([toCsv(drawing.table)], { type: "text/csv" }), `${id}.csv`),
                    )
                  }
                >
                  Download CSV
                </Button>
                <Button look="quiet" onClick={() => save("png")} disabled={asTable}>
                  Download PNG
                </Button>
                <Button look="quiet" onClick={() => save("svg")} disabled={asTable}>
                  Download SVG
                </Button>
                {snapshot === null ? (
                  <>
                    <Button look="quiet" onClick={() => attempt(() => copy(linkTo(id)))}>
                      Copy link
                    </Button>
                    <Button look="quiet" onClick={() => attempt(() => copy(python))}>
                      Copy Python call
                    </Button>
                  </>
                ) : null}
              </div>
            </details>
          )}
        </>
      }
    >
      {failure ? <ErrorNotice error={failure} /> : null}
      {query.data === undefined ? (
        query.error ? (
          <ErrorNotice error={query.error} retry={() => query.refetch()} />
        ) : (
          <Loading what={title.toLowerCase()} />
        )
      ) : null}
      {why === null ? null : <Empty title="Nothing to draw">{<p>{why}</p>}</Empty>}
      {drawing?.sampled ? <SampledNote {...drawing.sampled} /> : null}
      {drawing === null ? null : asTable ? (
        <DataTable caption={title} data={drawing.table} />
      ) : (
        <Chart
          ref={chart}
          option={drawing.option}
          description={drawing.description}
          {...(drawing.height === undefined ? {} : { height: drawing.height })}
          {...(drawing.on === undefined ? {} : { on: drawing.on })}
        />
      )}
    </Card>
  );
}

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
