import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { experimentQuery, seriesQuery } from "@/api/queries";
import { FitnessChart } from "@/charts/fitness/FitnessChart";
import { TasksChart } from "@/charts/tasks/TasksChart";
import { VitalsStrip } from "@/charts/vitals/VitalsStrip";
import { isFinal } from "@/live/useLive";
import { Answer } from "@/parts/Answer";
import { Stack } from "@/parts/Stack";
import { ExportsCard } from "./overview/ExportsCard";
import { HistoryCard } from "./overview/HistoryCard";
import { NotesCard } from "./overview/NotesCard";
import { ProgressCard } from "./overview/ProgressCard";
import { happening } from "./overview/progress";
import { StandingsCard } from "./overview/StandingsCard";
import { VerdictCard } from "./overview/VerdictCard";
import { useDecisions } from "./useDecisions";

/** What came out, or what is happening. */
export default function OverviewTab() {
  const { id } = useParams({ from: "/experiments/$id/" });
  const detail = useQuery(experimentQuery(id));
  const series = useQuery(seriesQuery(id));
  const decisions = useDecisions(id);
  return (
    <Answer query={detail} what="the experiment">
      {(experiment) => {
        const now = happening(experiment, decisions);
        return (
          <Stack>
            <VerdictCard experiment={experiment} now={now} />
            <ProgressCard experiment={experiment} now={now} />
            {isFinal(experiment.state) ? null : <VitalsStrip experiment={id} />}
            <FitnessChart experiment={id} series={series} />
            <TasksChart experiment={id} />
            <StandingsCard experiment={experiment} />
            <Stack pairs>
              <NotesCard outcome={experiment.outcome} />
              <Stack>
                <ExportsCard experiment={experiment} />
                <HistoryCard experiment={id} />
              </Stack>
            </Stack>
          </Stack>
        );
      }}
    </Answer>
  );
}
