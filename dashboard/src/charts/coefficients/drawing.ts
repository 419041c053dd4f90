import { coefficient, difference } from "@/format/numbers";
import type { Drawing } from "../ChartCard";
import type { Palette } from "../palette";
import { AMOUNTS, DIVERGING, inkOn, onScale } from "../scales";
import type { Shown } from "./views";

const MOST_NUMBERS = 400;

/** The map of coefficients: depth downwards, models and modules side by side. */
export function coefficientsDrawing(
  shown: Shown,
  selected: number | null,
  palette: Palette,
  select: (gene: number) => void,
): Drawing {
  const { rows, columns, cells, values, signed } = shown;
  const known = values.filter((value): value is number => value !== null);
  const reach = Math.max(...known.map(Math.abs), 1e-9);
  const [low, high] = signed ? [-reach, reach] : [Math.min(...known, 0), Math.max(...known)];
  const scale = (signed ? DIVERGING : AMOUNTS)[palette.theme];
  const numbered = cells.length <= MOST_NUMBERS && columns.length <= 12 && rows.length <= 40;
  const longest = Math.max(...columns.flatMap((name) => name.split("\n").map((part) => part.length)));
  const tall = rows.length <= 40 ? 24 : 14;
  const ink = (value: number) => inkOn(onScale(scale, high > low ? (value - low) / (high - low) : 0.5));
  return {
    minWidth: columns.length * (numbered ? Math.max(longest * 6.5 + 8, 54) : 24) + 110,
    height: Math.min(rows.length * tall + 150, 1100),
    option: {
      grid: { left: 8, right: 8, top: 8, bottom: 56, outerBoundsMode: "same" },
      xAxis: {
        type: "category",
        data: columns,
        position: "top",
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          color: palette.text,
          fontSize: 12,
          lineHeight: 15,
          interval: 0,
          rotate: columns.length > 8 ? 40 : 0,
        },
      },
      yAxis: {
        type: "category",
        data: rows,
        inverse: true,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: palette.muted, fontSize: 12, hideOverlap: true },
      },
      visualMap: {
        type: "continuous",
        min: low,
        max: high > low ? high : low + 1e-9,
        inRange: { color: scale },
        orient: "horizontal",
        left: "center",
        bottom: 0,
        itemHeight: 180,
        itemWidth: 12,
        text: signed ? [difference(high), difference(low)] : [coefficient(high), coefficient(low)],
        textStyle: { color: palette.muted, fontSize: 12 },
      },
      tooltip: {
        formatter: ({ dataIndex }: { dataIndex: number }) =>
          `${cells[dataIndex]?.label}\n${coefficient(values[dataIndex])} ${shown.unit}`,
      },
      series: [
        {
          type: "heatmap",
          data: cells.map(({ row, column, gene }, i) => ({
            value: [column, row, values[i] ?? "-"],
            ...(gene !== null && gene === selected
              ? { itemStyle: { borderColor: palette.text, borderWidth: 2 } }
              : {}),
            label: { color: values[i] == null ? palette.muted : ink(values[i] as number) },
          })),
          label: {
            show: numbered,
            fontSize: 11,
            formatter: ({ dataIndex }: { dataIndex: number }) => coefficient(values[dataIndex]),
          },
          itemStyle: { borderColor: palette.surface, borderWidth: rows.length > 40 ? 0.5 : 2 },
          emphasis: { itemStyle: { borderColor: palette.text, borderWidth: 1.5 } },
        },
      ],
    },
    description: `${shown.what} ${extremes(shown)}`,
    table: {
      columns: ["coefficient", "depth", "parameter, model and module", shown.unit],
      rows: cells.map(({ label, row, column }, i) => [
        label,
        rows[row] ?? null,
        (columns[column] ?? "").replaceAll("\n", " "),
        values[i] ?? null,
      ]),
    },
    on: {
      click: ({ dataIndex }: { dataIndex: number }) => {
        const gene = cells[dataIndex]?.gene;
        if (gene != null) select(gene);
      },
    },
  };
}

function extremes({ cells, values, signed }: Shown): string {
  const order = cells
    .flatMap(({ label }, i) => (values[i] == null ? [] : [{ label, value: values[i] as number }]))
    .sort((a, b) => b.value - a.value);
  const [most, least] = [order[0], order.at(-1)];
  if (most === undefined || least === undefined || most === least) return "";
  const words = signed ? ["moved up most", "moved down most"] : ["is largest", "is smallest"];
  const named = ({ label, value }: { label: string; value: number }) => `${label} (${coefficient(value)})`;
  return `${named(most)} ${words[0]}; ${named(least)} ${words[1]}.`;
}
