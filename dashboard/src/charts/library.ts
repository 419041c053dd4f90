/** The parts of ECharts that our plots use, and no others: this file is what the charts weigh. */
import { BarChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  ParallelComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { connect, init, setPlatformAPI, use } from "echarts/core";
import { LabelLayout } from "echarts/features";
import { CanvasRenderer, SVGRenderer } from "echarts/renderers";

use([
  BarChart,
  CustomChart,
  HeatmapChart,
  LineChart,
  ParallelChart,
  ScatterChart,
  AriaComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  ParallelComponent,
  TooltipComponent,
  VisualMapComponent,
  LabelLayout,
  CanvasRenderer,
  SVGRenderer,
]);

const context = document.createElement("canvas").getContext("2d");

// ECharts asks how wide a Chinese character is, for the height of lines: an em. To measure one, the browser would search
// all fonts for it, or load a large one, while the first chart waits.
if (context !== null)
  setPlatformAPI({
    measureText(text, font = "12px sans-serif") {
      if (text === "国") return { width: Number.parseFloat(/([\d.]+)px/.exec(font)?.[1] ?? "12") };
      context.font = font;
      return context.measureText(text);
    },
  });

export { connect, init };
