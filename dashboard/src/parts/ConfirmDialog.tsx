import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./Button";
import styles from "./ConfirmDialog.module.css";
import { ErrorNotice } from "./states";

interface Props {
  title: string;
  /** What will happen, in sentences, and the fields it needs. */
  children: ReactNode;
  /** What the button does: "Cancel the experiment". */
  action: string;
  danger?: boolean;
  busy?: boolean;
  disabled?: boolean;
  error?: Error | null;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something is changed, with what follows from it. Mount it to open it. */
export function ConfirmDialog(props: Props) {
  const { title, children, action, danger, busy, disabled, error, onConfirm, onClose } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className={styles.dialog} aria-labelledby={heading} onClose={onClose}>
      <form
        className={styles.body}
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        <h2 id={heading}>{title}</h2>
        {children}
        {error ? <ErrorNotice error={error} /> : null}
        <div className={styles.actions}>
          <Button onClick={() => dialog.current?.close()}>Back</Button>
          <Button
            type="submit"
            look={danger ? "danger" : "primary"}
            disabled={busy === true || disabled === true}
          >
            {busy ? "Working…" : action}
          </Button>
        </div>
      </form>
    </dialog>
  );
}
