import { duration, score } from "@/format/numbers";
import { GRID, unitOf, valueAxis } from "../axes";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import type { Cost } from "./phases";

/** The best fitness over the workers' time, and where that time ends. */
export function costValue(data: Cost, palette: Palette): Drawing {
  const spent = data.cumulative_worker_seconds.at(-1) ?? 0;
  const projected = data.projected_worker_seconds;
  const { size, name } = unitOf(Math.max(spent, projected ?? 0));
  const line = data.cumulative_worker_seconds.map((seconds, i) => [seconds / size, data.best[i] ?? null]);
  const last = line.at(-1);
  const side = { color: palette.muted, fontSize: 12 };
  return {
    height: 300,
    option: {
      grid: { ...GRID, right: 28 },
      xAxis: valueAxis(palette, `worker ${name}`, {
        scale: false,
        min: 0,
        ...(projected === null ? {} : { max: (Math.max(spent, projected) / size) * 1.04 }),
        axisLabel: { ...side, showMaxLabel: projected === null },
      }),
      yAxis: valueAxis(palette, "best fitness", { nameGap: 44 }),
      tooltip: {
        trigger: "axis",
        formatter: ([one]: { value: [number, number | null]; dataIndex: number }[]) =>
          one === undefined
            ? ""
            : `${duration(one.value[0] * size)} of worker time\nbest fitness ${score(one.value[1])}\ncandidate ${data.number[one.dataIndex]}`,
      },
      series: [
        {
          name: "best so far",
          type: "line",
          step: "end",
          symbol: "none",
          color: palette["series-1"],
          lineStyle: { width: 2.5 },
          data: line,
          ...(projected === null
            ? {}
            : {
                markLine: {
                  silent: true,
                  symbol: "none",
                  lineStyle: { color: palette.muted, type: [5, 4] },
                  label: {
                    color: palette.muted,
                    fontSize: 12,
                    position: "insideEndTop",
                    formatter: `budget ends at about ${duration(projected)}`,
                  },
                  data: [{ xAxis: projected / size }],
                },
              }),
        },
        {
          type: "scatter",
          silent: true,
          symbolSize: 9,
          color: palette["series-1"],
          label: {
            show: true,
            position: "top",
            color: palette.text,
            fontWeight: 600,
            formatter: () => score(last?.[1] ?? null),
          },
          data: last?.[1] == null ? [] : [last],
        },
      ],
    },
    description: describe(data, spent, projected),
    table: {
      columns: ["first candidate", "worker seconds", "best fitness", "prompt tokens", "generated tokens"],
      rows: data.number.map((number, i) => [
        number,
        data.cumulative_worker_seconds[i] ?? null,
        data.best[i] ?? null,
        data.prompt_tokens[i] ?? null,
        data.generated_tokens[i] ?? null,
      ]),
    },
  };
}

function describe(data: Cost, spent: number, projected: number | null): string {
  const so = `The best fitness is ${score(data.best.at(-1))} after ${duration(spent)} of worker time`;
  return projected === null ? `${so}.` : `${so}; the budget ends at about ${duration(projected)}.`;
}
