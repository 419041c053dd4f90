import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { partQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { bytes } from "@/format/numbers";
import { ago, exact } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { StateBadge } from "@/parts/StateBadge";
import { Empty } from "@/parts/states";
import { ROOT } from "@/root";
import styles from "./cards.module.css";

type Artifact = Schemas["ArtifactView"];
const PENDING_MS = 3_000;

/** What was exported, with its files. */
export function ExportsCard({ experiment }: { experiment: Schemas["ExperimentDetail"] }) {
  const artifacts = useQuery({
    ...partQuery(experiment.id, "artifacts"),
    // The stream of an experiment that has ended has ended too.
    refetchInterval: ({ state }) =>
      state.data?.artifacts.some((one) => one.state === "pending") ? PENDING_MS : false,
  });
  return (
    <Card title="Exports" reading="Checkpoints in the Hugging Face format, with recipe and model card.">
      <Answer query={artifacts} what="the exports">
        {({ artifacts: found }) =>
          found.length === 0 ? (
            <Empty title="Nothing is exported">
              <p>“Export a checkpoint” writes the winner, or any other candidate.</p>
            </Empty>
          ) : (
            <ul className={styles.list}>
              {found.map((one) => (
                <One key={one.id} artifact={one} />
              ))}
            </ul>
          )
        }
      </Answer>
    </Card>
  );
}

function One({ artifact }: { artifact: Artifact }) {
  const files = Object.entries(artifact.files);
  const size = files.reduce((sum, [, file]) => sum + file.bytes, 0);
  return (
    <li className={styles.artifact}>
      <Link
        to="/experiments/$id/candidates/$number"
        params={{ id: artifact.experiment_id, number: String(artifact.number) }}
      >
        Candidate {artifact.number}
      </Link>
      <StateBadge state={artifact.state} />
      {files.length > 0 ? <span>{bytes(size)}</span> : null}
      <time className={styles.when} dateTime={artifact.created_at} title={exact(artifact.created_at)}>
        {ago(artifact.created_at)}
      </time>
      {artifact.error ? <p>{artifact.error}</p> : null}
      {files.length > 0 && snapshot === null ? (
        <ul className={styles.files}>
          {files.map(([name, file]) => (
            <li key={name}>
              <a
                href={`${ROOT}/api/v1/artifacts/${artifact.id}/files/${encodeURIComponent(name)}`}
                download={name}
              >
                {name}
              </a>{" "}
              {bytes(file.bytes)}
            </li>
          ))}
        </ul>
      ) : null}
    </li>
  );
}
