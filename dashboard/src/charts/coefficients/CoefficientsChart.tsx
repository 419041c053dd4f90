import { useCallback } from "react";
import { Choice } from "@/parts/Choice";
import { useAddress, useSwitch } from "../address";
import { type Asked, ChartCard } from "../ChartCard";
import { usePalette } from "../palette";
import { coefficientsDrawing } from "./drawing";
import { type CoefficientData, type Shown, shownIn, VIEWS, type View } from "./views";

interface Props {
  experiment: string;
  query: Asked<CoefficientData>;
}

const CHOICES = [
  ["best", "Best"],
  ["real", "Best, as merged"],
  ["mean", "Search mean"],
  ["spread", "Spread"],
] as const;

const READINGS = {
  best: "Each cell is a coefficient, in initial steps of the search from where it started: blue above, orange below.",
  real: "Each cell is a coefficient of the recipe, as it is merged.",
  mean: "Each cell is where the search looks now, in initial steps from where it started: blue above, orange below.",
  spread: "Each cell is how widely the search still looks, in initial steps; 1 is as wide as at its start.",
};

/** What did the search learn, layer by layer and model by model? */
export function CoefficientsChart({ experiment, query }: Props) {
  const palette = usePalette();
  const [view, setView] = useSwitch("show", VIEWS);
  const [{ gene }, change] = useAddress();
  const selected = gene === undefined ? null : Number(gene);
  const select = useCallback((gene: number) => change({ gene: String(gene) }), [change]);
  const draw = useCallback(
    (data: CoefficientData) => coefficientsDrawing(shownIn(view, data) as Shown, selected, palette, select),
    [view, selected, palette, select],
  );
  return (
    <ChartCard
      id="coefficients"
      title="Coefficients by depth and model"
      reading={`${READINGS[view]}${view === "real" ? "" : " Choose a cell to see its history."}`}
      query={query}
      reason={(data) => {
        const shown = shownIn(view, data);
        return typeof shown === "string" ? shown : null;
      }}
      draw={draw}
      python={pythonCall(view, experiment, query.data)}
      controls={<Choice label="Show" value={view} choices={CHOICES} onChange={setView} />}
    />
  );
}

function pythonCall(view: View, experiment: string, data: CoefficientData | undefined): string {
  if (view === "best" || view === "real")
    return `client.candidate("${experiment}", ${data?.candidate?.number ?? 0})`;
  return view === "spread" && data?.trace?.deviations.length
    ? `client.trace("${experiment}")`
    : `client.coefficients("${experiment}", limit=50)`;
}
