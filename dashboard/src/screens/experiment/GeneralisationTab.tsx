import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { experimentQuery, partQuery } from "@/api/queries";
import { useSwitch } from "@/charts/address";
import { GapCharts } from "@/charts/gap/GapCharts";
import { bestHeldOut, type HeldOut } from "@/charts/gap/gaps";
import { LIMIT } from "@/charts/racing/drawing";
import { RacingCharts } from "@/charts/racing/RacingCharts";
import { Choice } from "@/parts/Choice";
import { Stack } from "@/parts/Stack";
import { FreshItems } from "./generalisation/FreshItems";

const WORDS = { selection: "Selection items", test: "Test items" } as const;

/** Is the result as good as it looks? */
export default function GeneralisationTab() {
  const { id } = useParams({ from: "/experiments/$id/generalisation" });
  const query = useQuery(partQuery(id, "generalisation"));
  const racing = useQuery(partQuery(id, "racing", { limit: LIMIT }));
  const winner = useQuery(experimentQuery(id)).data?.outcome?.winner?.number ?? null;
  const first = query.data === undefined ? "test" : bestHeldOut(query.data);
  const splits: readonly HeldOut[] = first === "test" ? ["test", "selection"] : ["selection", "test"];
  const [split, setSplit] = useSwitch("split", splits);
  return (
    <Stack>
      <FreshItems query={query} winner={winner} />
      <Choice
        label="Compare with"
        value={split}
        choices={splits.map((one) => [one, WORDS[one]] as const)}
        onChange={setSplit}
      />
      <Stack pairs>
        <GapCharts experiment={id} query={query} split={split} winner={winner} />
        <RacingCharts experiment={id} query={racing} />
      </Stack>
    </Stack>
  );
}
