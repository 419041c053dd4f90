import { useState } from "react";
import type { Schemas } from "@/api/client";
import { Button } from "@/parts/Button";
import { ExportDialog } from "../actions/ExportDialog";
import { legal } from "../actions/legal";
import { useOwn } from "../useOwn";

interface Props {
  experiment: Schemas["ExperimentDetail"];
  candidate: Schemas["CandidateDetail"];
}

/** Exports this candidate, where it can be merged. */
export function ExportCandidate({ experiment, candidate }: Props) {
  const own = useOwn(experiment);
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState("");
  if (!own || candidate.state === "infeasible" || legal(experiment, new Set()).export !== null) return null;
  return (
    <>
      <span role="status">{said}</span>
      <Button onClick={() => setOpen(true)}>Export this one</Button>
      {open ? (
        <ExportDialog
          experiment={experiment}
          candidate={candidate.number}
          onClose={() => setOpen(false)}
          onDone={(what) => {
            setSaid(what);
            setOpen(false);
          }}
        />
      ) : null}
    </>
  );
}
