import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { experimentQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { download } from "@/charts/ChartCard";
import { Answer } from "@/parts/Answer";
import { Button, buttonClass } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { Choice } from "@/parts/Choice";
import { CodeBlock } from "@/parts/CodeBlock";
import { Stack } from "@/parts/Stack";
import { useYaml } from "@/parts/useYaml";
import { ROOT } from "@/root";
import { ModelsCard, SeedsCard, TasksCard, VersionsCard } from "./configuration/ProvenanceCards";
import { commands, python, specFile } from "./configuration/reproduce";
import { ScoredByCard } from "./configuration/ScoredByCard";

type Detail = Schemas["ExperimentDetail"];

/** What was asked for, what it was made of, and how to have it again. */
export default function ConfigurationTab() {
  const { id } = useParams({ from: "/experiments/$id/configuration" });
  const detail = useQuery(experimentQuery(id));
  return (
    <Answer query={detail} what="the configuration">
      {(experiment) => (
        <Stack>
          <ReproduceCard experiment={experiment} />
          <SpecCard experiment={experiment} />
          <ModelsCard experiment={experiment} />
          <TasksCard experiment={experiment} />
          <Stack pairs>
            <VersionsCard experiment={experiment} />
            <SeedsCard experiment={experiment} />
          </Stack>
          {snapshot === null ? <ScoredByCard experiment={id} /> : null}
        </Stack>
      )}
    </Answer>
  );
}

const WAYS = [
  ["shell", "Command line"],
  ["python", "Python"],
] as const;

function ReproduceCard({ experiment }: { experiment: Detail }) {
  const [way, setWay] = useState<"shell" | "python">("shell");
  const server = snapshot === null ? `${window.location.origin}${ROOT}` : "SERVER";
  return (
    <Card
      title="How to reproduce it"
      reading="The same versions, seeds and items propose the same candidates. Scores can differ in the last digits on other hardware."
      actions={<Choice label="With" value={way} choices={WAYS} onChange={setWay} />}
    >
      <CodeBlock
        title={way === "shell" ? "On the command line" : "In Python"}
        code={way === "shell" ? commands(experiment, server) : python(experiment, server)}
      />
    </Card>
  );
}

function SpecCard({ experiment }: { experiment: Detail }) {
  const yaml = useYaml(experiment.spec) ?? "";
  const extended = Object.entries(experiment.budget).filter(
    ([limit, total]) =>
      (experiment.spec.search as { budget?: Record<string, unknown> }).budget?.[limit] !== total,
  );
  return (
    <Card
      title="Spec"
      reading="What was submitted, with every default written out."
      actions={
        <>
          <Button
            onClick={() => download(new Blob([yaml], { type: "application/yaml" }), specFile(experiment))}
          >
            Download
          </Button>
          {snapshot === null ? (
            <Link to="/experiments/new" search={{ from: experiment.id }} className={buttonClass()}>
              Use in a new experiment
            </Link>
          ) : null}
        </>
      }
    >
      {extended.length > 0 ? (
        <p>
          Its budget was extended since: {extended.map(([limit, total]) => `${limit} ${total}`).join(", ")}.
        </p>
      ) : null}
      <CodeBlock title={specFile(experiment)} code={yaml} />
    </Card>
  );
}
