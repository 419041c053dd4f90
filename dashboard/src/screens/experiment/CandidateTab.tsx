import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Schemas } from "@/api/client";
import { candidateQuery, experimentQuery } from "@/api/queries";
import { score } from "@/format/numbers";
import { ago, exact } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { buttonClass } from "@/parts/Button";
import { Stack } from "@/parts/Stack";
import { StateBadge } from "@/parts/StateBadge";
import styles from "./CandidateTab.module.css";
import { EvaluationsCard } from "./candidate/EvaluationsCard";
import { ExportCandidate } from "./candidate/ExportCandidate";
import { RecipeCard } from "./candidate/RecipeCard";
import { ScoresCard } from "./candidate/ScoresCard";
import { KIND_WORDS, titleOf } from "./candidates/words";
import { Compared } from "./items/Compared";

/** One candidate: how it is made, what it reached, and item by item against others. */
export default function CandidateTab() {
  const { id, number } = useParams({ from: "/experiments/$id/candidates/$number" });
  const candidate = useQuery(candidateQuery(id, Number(number)));
  const experiment = useQuery(experimentQuery(id)).data;
  const slots = experiment?.resolved.slots;
  return (
    <Answer query={candidate} what="the candidate">
      {(found) => (
        <Stack>
          <Head candidate={found} experiment={experiment} />
          <ScoresCard evaluations={found.evaluations} />
          <RecipeCard
            recipe={found.recipe}
            digest={found.recipe_digest}
            slots={Array.isArray(slots) ? slots.map(String) : []}
          />
          <Compared experiment={id} candidate={found} />
          <EvaluationsCard evaluations={found.evaluations} />
        </Stack>
      )}
    </Answer>
  );
}

interface HeadProps {
  candidate: Schemas["CandidateDetail"];
  experiment: Schemas["ExperimentDetail"] | undefined;
}

function Head({ candidate, experiment }: HeadProps) {
  const { number } = candidate;
  const name = titleOf(candidate);
  useEffect(() => {
    document.title = `${name} · ${experiment?.name ?? ""} · evomerge`;
  }, [name, experiment?.name]);
  return (
    <header>
      <div className={styles.head}>
        <h2>{titleOf(candidate)}</h2>
        <StateBadge state={candidate.state} />
        {experiment?.outcome?.winner?.number === number ? <strong>the winner</strong> : null}
        <span className={styles.steps}>
          {experiment === undefined ? null : (
            <ExportCandidate experiment={experiment} candidate={candidate} />
          )}
          <Step experiment={experiment} number={number - 1}>
            ← Previous
          </Step>
          <Step experiment={experiment} number={number + 1}>
            Next →
          </Step>
        </span>
      </div>
      <p className={styles.below}>
        {KIND_WORDS[candidate.kind]}, fitness <b>{score(candidate.fitness)}</b> on the search items it was
        scored on, proposed{" "}
        <time dateTime={candidate.created_at} title={exact(candidate.created_at)}>
          {ago(candidate.created_at)}
        </time>
      </p>
      {candidate.reason ? (
        <p className={styles.reason} role="note">
          It is infeasible: {candidate.reason}
        </p>
      ) : null}
    </header>
  );
}

interface StepProps {
  experiment: Schemas["ExperimentDetail"] | undefined;
  number: number;
  children: string;
}

function Step({ experiment, number, children }: StepProps) {
  if (experiment === undefined || number < 0 || number >= experiment.progress.candidates) return null;
  return (
    <Link
      to="/experiments/$id/candidates/$number"
      params={{ id: experiment.id, number: String(number) }}
      search={true}
      className={buttonClass()}
    >
      {children}
    </Link>
  );
}
