import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { snapshot } from "@/api/snapshot";
import { Button } from "@/parts/Button";
import styles from "./Shortcuts.module.css";

const GOES = {
  e: ["/experiments", "Experiments"],
  n: ["/experiments/new", "New experiment"],
  c: ["/compare", "Compare"],
  m: ["/methods", "Methods"],
  s: ["/settings", "Settings"],
} as const;

const KEYS: readonly (readonly [string, string])[] = [
  ["?", "This list"],
  ["/", "Search field of the screen"],
  ["j, k", "Next, previous row of a table"],
  ["Enter", "Open the row"],
  ...Object.entries(GOES).map(([key, [, name]]) => [`g ${key}`, name] as const),
];

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Keys that work everywhere, and the list of them. */
export function Shortcuts() {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  useEffect(() => {
    if (snapshot !== null) return;
    let leading = false;
    function onKey(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const target = leading ? GOES[event.key as keyof typeof GOES] : undefined;
      leading = event.key === "g";
      if (target) void navigate({ to: target[0] });
      else if (event.key === "?") setOpen(true);
      else if (event.key === "/") {
        const field = document.querySelector<HTMLInputElement>('input[type="search"]');
        if (field) {
          event.preventDefault();
          field.focus();
        }
      } else if (event.key === "j" || event.key === "k") moveRow(event.key === "j" ? 1 : -1);
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate]);
  if (snapshot !== null) return null;
  return (
    <>
      <Button look="quiet" onClick={() => setOpen(true)} aria-label="Keyboard shortcuts">
        ?
      </Button>
      {open ? <Sheet onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Sheet({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className={styles.sheet} aria-labelledby="shortcuts" onClose={onClose}>
      <h2 id="shortcuts">Keyboard shortcuts</h2>
      <dl>
        {KEYS.map(([keys, name]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
      </dl>
      <Button onClick={() => dialog.current?.close()}>Close</Button>
    </dialog>
  );
}

/** Moves the focus between rows: whatever is marked as the way into its row. */
function moveRow(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  rows[at === -1 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)]?.focus();
}
