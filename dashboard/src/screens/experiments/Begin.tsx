import { Link } from "@tanstack/react-router";
import { buttonClass } from "@/parts/Button";
import { CodeBlock } from "@/parts/CodeBlock";
import { Empty } from "@/parts/states";
import { ROOT } from "@/root";
import { useMay } from "@/session/useScope";
import styles from "./ExperimentsScreen.module.css";

/** How to begin, where there is no experiment yet. */
export function Begin() {
  const may = useMay("run");
  return (
    <Empty title="No experiments yet">
      <p>
        An experiment names a base model, the experts that were fine-tuned from it, and the tasks that their
        merge should be good at. The search finds how to merge them.
      </p>
      {may ? (
        <p className={styles.begin}>
          <Link to="/experiments/new" search={{ template: "first-look" }} className={buttonClass("primary")}>
            Begin with a first look
          </Link>
          <Link to="/experiments/new" className={buttonClass()}>
            Begin with an empty form
          </Link>
        </p>
      ) : (
        <p>Your token may look. One with the scope run can start an experiment.</p>
      )}
      <div className={styles.command}>
        <CodeBlock
          title="Or from the command line"
          code={`evomerge submit spec.yaml --server ${window.location.origin}${ROOT}`}
        />
      </div>
    </Empty>
  );
}
