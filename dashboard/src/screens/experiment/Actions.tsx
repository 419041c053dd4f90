import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { snapshot } from "@/api/snapshot";
import { isFinal } from "@/live/useLive";
import { Button, buttonClass } from "@/parts/Button";
import { Menu } from "@/parts/Menu";
import { useMay } from "@/session/useScope";
import styles from "./actions/actions.module.css";
import { type Control, ControlDialog } from "./actions/ControlDialog";
import { ExportDialog } from "./actions/ExportDialog";
import { ExtendDialog } from "./actions/ExtendDialog";
import { InjectDialog } from "./actions/InjectDialog";
import { type Action, type Legal, legal } from "./actions/legal";
import { ExportPage } from "./ExportPage";
import { useDecisions } from "./useDecisions";
import { useOwn } from "./useOwn";

type Detail = Schemas["ExperimentDetail"];

const NAMES: Record<Action, string> = {
  pause: "Pause",
  resume: "Resume",
  cancel: "Cancel for good",
  extend: "Extend the budget",
  inject: "Propose a merge",
  export: "Export a checkpoint",
};

/** What a person can do to the experiment in its present state. */
export function Actions({ experiment }: { experiment: Detail }) {
  const mayRun = useMay("run");
  const own = useOwn(experiment);
  const possible = legal(experiment, useDecisions(experiment.id));
  const [open, setOpen] = useState<Action | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  if (snapshot !== null) return null;
  if (!mayRun) return <ExportPage experiment={experiment} />;
  const button = (action: Action) => (
    <Offer key={action} action={action} possible={possible} onOpen={() => setOpen(action)} />
  );
  const dialog = {
    experiment,
    onClose: () => setOpen(null),
    onDone: (what: string) => {
      setSaid(what);
      setOpen(null);
    },
  };
  return (
    <>
      {own ? (
        <>
          {button("pause")}
          {button("resume")}
          {isFinal(experiment.state) ? button("export") : null}
        </>
      ) : null}
      <ExportPage experiment={experiment} />
      <Link to="/experiments/new" search={{ from: experiment.id }} className={buttonClass()}>
        Clone
      </Link>
      {own && !isFinal(experiment.state) ? (
        <Menu label="More">{(["extend", "inject", "export", "cancel"] as const).map(button)}</Menu>
      ) : null}
      <span className={styles.said} role="status">
        {said === null ? null : (
          <>
            {said}.{" "}
            <Link
              to="/experiments/$id/log"
              params={{ id: experiment.id }}
              search={{ kind: "control,export" }}
            >
              See the log
            </Link>
          </>
        )}
      </span>
      {open === "extend" ? <ExtendDialog {...dialog} /> : null}
      {open === "inject" ? <InjectDialog {...dialog} /> : null}
      {open === "export" ? <ExportDialog {...dialog} /> : null}
      {isControl(open) ? <ControlDialog control={open} {...dialog} /> : null}
    </>
  );
}

const isControl = (action: Action | null): action is Control =>
  action === "pause" || action === "resume" || action === "cancel";

interface OfferProps {
  action: Action;
  possible: Legal;
  onOpen: () => void;
}

/** The button of an action; one that cannot be done now says why. */
function Offer({ action, possible, onOpen }: OfferProps) {
  const why = possible[action];
  if (why === undefined) return null;
  const look = action === "cancel" ? "danger" : action === "resume" ? "primary" : "plain";
  return (
    <Button
      look={look}
      aria-disabled={why !== null}
      title={why ?? undefined}
      onClick={() => {
        if (why === null) onOpen();
      }}
    >
      {NAMES[action]}
      {why === null ? null : <span className="visually-hidden"> ({why})</span>}
    </Button>
  );
}
