import { useServerVersion } from "@/api/useServerVersion";
import { Button } from "@/parts/Button";
import styles from "./VersionNote.module.css";

/** Says that the server is another one than the page was loaded from. */
export function VersionNote() {
  const { first, now } = useServerVersion();
  if (first === now) return null;
  return (
    <p className={styles.note} role="status">
      The server was upgraded from {first} to {now}.
      <Button onClick={() => window.location.reload()}>Load the new page</Button>
    </p>
  );
}
