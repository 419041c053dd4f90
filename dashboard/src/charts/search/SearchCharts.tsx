import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { Choice } from "@/parts/Choice";
import { Stack } from "@/parts/Stack";
import { useSwitch } from "../address";
import { type Asked, ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { searchDrawing } from "./drawing";
import { AXES, type Axis, PANELS, type Panel } from "./panels";

const CHOICES = [
  ["candidates", "Candidates"],
  ["updates", "Updates"],
  ["items", "Items scored"],
] as const;

const reasonOf = (data: Schemas["Trace"]): string | null =>
  data.reason ?? (data.update.length === 0 ? "The search has not been updated yet." : null);

/** Stands for all of them where there is nothing to draw, so that the reason is said once. */
const WHOLE: Panel = {
  ...(PANELS[0] as Panel),
  title: "The search's distribution",
  reading: "Its step size, evolution path, axes and bound hits, update by update.",
};

/** Is the search healthy? The state of its distribution, in charts that share their horizontal axis. */
export function SearchCharts({ experiment }: { experiment: string }) {
  const [axis, setAxis] = useSwitch("x", AXES);
  const trace = useQuery(partQuery(experiment, "trace", { points: 500 }));
  const chart = (panel: Panel) => (
    <SearchChart key={panel.id} experiment={experiment} panel={panel} axis={axis} trace={trace} />
  );
  if (trace.data && reasonOf(trace.data) !== null) return chart(WHOLE);
  return (
    <Stack>
      <Choice label="Along" value={axis} choices={CHOICES} onChange={setAxis} />
      <Stack pairs>{PANELS.slice(0, -1).map(chart)}</Stack>
      {PANELS.slice(-1).map(chart)}
    </Stack>
  );
}

interface Props {
  experiment: string;
  panel: Panel;
  axis: Axis;
  trace: Asked<Schemas["Trace"]>;
}

function SearchChart({ experiment, panel, axis, trace }: Props) {
  const palette = usePalette();
  const draw = useCallback(
    (data: Schemas["Trace"]) => searchDrawing(data, panel, axis, palette),
    [panel, axis, palette],
  );
  return (
    <ChartCard
      id={panel.id}
      title={panel.title}
      reading={panel.reading}
      query={trace}
      reason={(data) =>
        data.reason ?? (data.update.length === 0 ? "The search has not been updated yet." : null)
      }
      draw={draw}
      python={`client.trace("${experiment}")`}
    />
  );
}
