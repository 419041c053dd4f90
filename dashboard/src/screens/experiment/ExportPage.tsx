import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Schemas } from "@/api/client";
import { download } from "@/charts/ChartCard";
import { bytes, count } from "@/format/numbers";
import { isFinal } from "@/live/useLive";
import { Button } from "@/parts/Button";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import { emptyPage, fill } from "./export/page";

type Detail = Schemas["ExperimentDetail"];

/** Saves a finished experiment as one file that opens without a server. */
export function ExportPage({ experiment }: { experiment: Detail }) {
  const [open, setOpen] = useState(false);
  if (!isFinal(experiment.state)) return null;
  return (
    <>
      <Button onClick={() => setOpen(true)}>Save as a page</Button>
      {open ? <Dialog experiment={experiment} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Dialog({ experiment, onClose }: { experiment: Detail; onClose: () => void }) {
  const [progress, setProgress] = useState({ done: 0, known: 0 });
  const stop = useRef(new AbortController());
  useEffect(() => {
    const controller = new AbortController();
    stop.current = controller;
    return () => controller.abort();
  }, []);
  const save = useMutation({
    mutationFn: async () => {
      const [page, { walk }] = await Promise.all([emptyPage(), import("./export/walk")]);
      const snapshot = await walk(experiment, {
        onProgress: (done, known) => setProgress({ done, known }),
        signal: stop.current.signal,
      });
      const file = new Blob([fill(page, snapshot)], { type: "text/html" });
      download(file, `${experiment.name}-${experiment.id}.html`);
      return file.size;
    },
  });
  return (
    <ConfirmDialog
      title={`Save ${experiment.name} as a page`}
      action={save.isSuccess ? "Close" : "Save the page"}
      busy={save.isPending}
      error={save.error}
      onConfirm={() => (save.isSuccess ? onClose() : save.mutate())}
      onClose={onClose}
    >
      <p>
        One HTML file with every tab, plot and table of this experiment, the pages of its best candidates and
        their items. It opens in any browser, asks no server for anything, and cannot change anything.
      </p>
      <p>Whoever has the file can read what it shows, prompts and outputs of the models included.</p>
      <p role="status">
        {save.isPending
          ? `Reading page ${count(progress.done + 1)} of ${count(Math.max(progress.known, progress.done + 1))}…`
          : null}
        {save.isSuccess ? `Saved: ${bytes(save.data)}.` : null}
      </p>
    </ConfirmDialog>
  );
}
