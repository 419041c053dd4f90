import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { partQuery } from "@/api/queries";
import { count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { CodeBlock } from "@/parts/CodeBlock";
import { Empty } from "@/parts/states";
import styles from "./ProvenanceCards.module.css";

/** Engines and settings behind the scores. They come with the full report, which is work for the server, so on demand. */
export function ScoredByCard({ experiment }: { experiment: string }) {
  const [wanted, setWanted] = useState(false);
  const report = useQuery({ ...partQuery(experiment, "report", { format: "json" }), enabled: wanted });
  return (
    <Card
      title="What scored it"
      reading="Engine, device, number format and hashes behind the scores. Scores of different ones are never compared silently."
      actions={wanted ? null : <Button onClick={() => setWanted(true)}>Read it from the report</Button>}
    >
      {wanted ? (
        <Answer query={report} what="the report">
          {({ provenance }) =>
            provenance.length === 0 ? (
              <Empty title="The record does not say">
                <p>It was written by a version that did not keep this.</p>
              </Empty>
            ) : (
              <div className={styles.tasks}>
                {provenance.map((one) => (
                  <CodeBlock
                    key={one.digest}
                    title={`${one.digest}: ${Object.entries(one.evaluations)
                      .map(([split, evaluations]) => `${count(evaluations)} evaluations on ${split}`)
                      .join(", ")}`}
                    code={JSON.stringify(one.data, null, 2)}
                  />
                ))}
              </div>
            )
          }
        </Answer>
      ) : (
        <Empty title="Not read yet" />
      )}
    </Card>
  );
}
