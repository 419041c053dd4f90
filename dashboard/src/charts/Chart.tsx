import type { EChartsCoreOption, EChartsType, Payload } from "echarts/core";
import { type Ref, useEffect, useImperativeHandle, useRef, useState } from "react";
import { Loading } from "@/parts/states";
import styles from "./Chart.module.css";
import { type Palette, usePalette } from "./palette";
import { inTurn, outOfTurn } from "./turns";

type Library = typeof import("./library");

const load = (): Promise<Library> => import("./library");
// A page with a plot will need it: it comes while the data is asked for. Whoever draws sees whether that failed.
void load().catch(() => undefined);

/** What a chart's menu can do with what is drawn. */
export interface ChartHandle {
  /** The picture as a file's content. */
  picture(kind: "png" | "svg"): Promise<Blob>;
}

export interface ChartProps {
  option: EChartsCoreOption;
  /** What the chart shows, for people who do not see it. */
  description: string;
  height?: number;
  /** Pixels below which it is not drawn narrower, but scrolls within itself. */
  minWidth?: number;
  /** What is different where there is little room, laid over the option. */
  narrow?: EChartsCoreOption;
  /** Handlers by ECharts event name, such as click or brushSelected. */
  on?: Record<string, (event: never) => void>;
  /** Actions of ECharts once it is drawn, such as a selection that the address of the page names. */
  actions?: readonly Payload[];
  /** Charts of one group show the same place under the pointer. */
  group?: string;
  ref?: Ref<ChartHandle>;
}

/** What a new option replaces as a whole; the rest keeps what a person did: zoom, hidden series, an open tooltip. */
const REPLACED = ["series", "grid", "xAxis", "yAxis", "parallel", "parallelAxis", "visualMap"];

/** Pixels. */
const NARROW = 520;

/** The page's font. It never changes, and to ask for it makes the browser reckon styles. */
let family: string | undefined;
function fontFamily(): string {
  family ??= getComputedStyle(document.body).fontFamily;
  return family;
}

/** What every chart has in common; a plot's own option is laid over it. */
function withDefaults(option: EChartsCoreOption, palette: Palette, description: string): EChartsCoreOption {
  return {
    animation: false,
    textStyle: { fontFamily: fontFamily(), color: palette.text },
    aria: { enabled: true, label: { description } },
    ...option,
    // Tooltips are drawn: as HTML they would need inline styles, and could be told to run what a model wrote.
    tooltip: {
      renderMode: "richText",
      confine: true,
      backgroundColor: palette.raised,
      borderColor: palette["line-strong"],
      textStyle: { color: palette.text, fontSize: 12 },
      ...(option.tooltip as object | undefined),
    },
  };
}

/** Draws an option of ECharts once it is in view, and again whenever it, the theme or the width changes. */
export function Chart({
  option,
  description,
  height = 320,
  minWidth,
  narrow,
  on,
  actions,
  group,
  ref,
}: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const [library, setLibrary] = useState<Library | null>(null);
  const [small, setSmall] = useState(false);
  const palette = usePalette();

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    let gone = false;
    const seen = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        void load().then((loaded) => gone || setLibrary(loaded));
      },
      { rootMargin: "300px" },
    );
    seen.observe(element);
    return () => {
      gone = true;
      seen.disconnect();
    };
  }, []);

  useEffect(() => {
    const element = box.current;
    if (library === null || element === null) return;
    const drawn = library.init(element, null, { renderer: "canvas" });
    chart.current = drawn;
    if (group !== undefined) {
      drawn.group = group;
      library.connect(group);
    }
    const resized = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: tall } = element;
      setSmall(width < NARROW);
      // It is told once in any case, also of the size that the chart was made with.
      if (width !== drawn.getWidth() || tall !== drawn.getHeight()) drawn.resize();
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      outOfTurn(drawn);
      drawn.dispose();
      chart.current = null;
    };
  }, [library, group]);

  useEffect(() => {
    const [element, drawn] = [box.current, chart.current];
    if (library === null || element === null || drawn === null) return;
    const shown = small ? { ...option, ...narrow } : option;
    element.ariaBusy = "true";
    inTurn(drawn, () => {
      element.ariaBusy = null;
      drawn.setOption(withDefaults(shown, palette, description), { replaceMerge: REPLACED });
      for (const action of actions ?? []) drawn.dispatchAction(action, { silent: true });
    });
  }, [library, small, option, narrow, palette, description, actions]);

  useEffect(() => {
    const drawn = chart.current;
    if (library === null || drawn === null || on === undefined) return;
    for (const [name, handler] of Object.entries(on)) drawn.on(name, handler as (event: unknown) => void);
    return () => {
      if (!drawn.isDisposed()) for (const name of Object.keys(on)) drawn.off(name);
    };
  }, [library, on]);

  useImperativeHandle(
    ref,
    () => ({
      async picture(kind) {
        const { init } = await load();
        const element = box.current;
        const size = { width: element?.clientWidth || 900, height };
        const drawn = init(null, null, { renderer: "svg", ssr: true, ...size });
        drawn.setOption({ ...withDefaults(option, palette, description), backgroundColor: palette.surface });
        const svg = drawn.renderToSVGString();
        drawn.dispose();
        if (kind === "svg") return new Blob([svg], { type: "image/svg+xml" });
        const live = chart.current;
        if (live === null) throw new Error("the chart is not drawn yet");
        const url = live.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: palette.surface });
        const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (one) => one.charCodeAt(0));
        return new Blob([bytes], { type: "image/png" });
      },
    }),
    [option, palette, description, height],
  );

  const drawn = (
    // The size depends on the plot; React sets it through the DOM, which the content security policy allows.
    <div ref={box} className={styles.chart} style={{ height, minWidth }} role="img" aria-label={description}>
      {library === null ? <Loading what="the chart" /> : null}
    </div>
  );
  if (minWidth === undefined) return drawn;
  return (
    // biome-ignore lint/a11y/useSemanticElements: it is no set of fields, and no landmark: there are several of it
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className={styles.scroll} role="group" tabIndex={0} aria-label="The chart, which scrolls sideways">
      {drawn}
    </div>
  );
}
