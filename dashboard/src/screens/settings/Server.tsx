import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { useServerVersion } from "@/api/useServerVersion";
import { Card } from "@/parts/Card";
import { ROOT } from "@/root";
import styles from "./settings.module.css";

/** What answers, and where programs find it. */
export function Server() {
  const { now } = useServerVersion();
  const ready = useQuery({ queryKey: ["ready"], queryFn: () => body(api.GET("/readyz")) });
  return (
    <Card title="Server">
      <dl className={styles.facts}>
        <div>
          <dt>Version</dt>
          <dd>evomerge {now || "unknown"}</dd>
        </div>
        <div>
          <dt>Address</dt>
          <dd>
            <code>{window.location.origin + ROOT}</code>, which programs take from{" "}
            <code>EVOMERGE_SERVER</code>
          </dd>
        </div>
        <div>
          <dt>State</dt>
          <dd>
            {ready.data ? "✓ ready, its store answers" : ready.error ? `✕ ${ready.error.message}` : "asking…"}{" "}
            (<a href={`${ROOT}/readyz`}>readyz</a>)
          </dd>
        </div>
        <div>
          <dt>API</dt>
          <dd>
            <code>{ROOT}/openapi.json</code> describes every address to programs that bear a token
          </dd>
        </div>
      </dl>
    </Card>
  );
}
