import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { Answer } from "@/parts/Answer";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { ErrorNotice } from "@/parts/states";
import { SCOPES } from "./scopes";
import styles from "./settings.module.css";

/** Who is logged in, what that allows, and the way out. */
export function Session() {
  const session = useQuery(sessionQuery);
  const client = useQueryClient();
  const logOut = useMutation({
    mutationFn: () => api.DELETE("/api/v1/session"),
    onSuccess: () => {
      client.setQueryData(["session"], null);
      // The next person must not see what this one saw.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
    },
  });
  return (
    <Card
      title="Session"
      actions={
        <Button onClick={() => logOut.mutate()} disabled={logOut.isPending}>
          Log out
        </Button>
      }
    >
      {logOut.error ? <ErrorNotice error={logOut.error} /> : null}
      <Answer query={session} what="the session">
        {(identity) => (
          <dl className={styles.facts}>
            <div>
              <dt>Token</dt>
              <dd>
                {identity?.name} <code>{identity?.token_id}</code>
              </dd>
            </div>
            <div>
              <dt>Owner</dt>
              <dd>{identity?.owner}</dd>
            </div>
            <div>
              <dt>Scope</dt>
              <dd>{identity ? SCOPES[identity.scope] : null}</dd>
            </div>
          </dl>
        )}
      </Answer>
    </Card>
  );
}
