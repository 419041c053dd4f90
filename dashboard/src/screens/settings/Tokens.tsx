import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, body, type Schemas } from "@/api/client";
import { ago, exact } from "@/format/times";
import { Answer } from "@/parts/Answer";
import { Button } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { ConfirmDialog } from "@/parts/ConfirmDialog";
import { Table } from "@/parts/Table";
import { NewTokenDialog } from "./NewTokenDialog";
import { SecretDialog } from "./SecretDialog";
import { standing, type Token } from "./standing";

/** Every token: who holds it, what it allows, when it was used; new ones, and the end of old ones. */
export function Tokens() {
  const client = useQueryClient();
  const tokens = useQuery({ queryKey: ["tokens"], queryFn: () => body(api.GET("/api/v1/tokens")) });
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<Schemas["CreatedToken"] | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const changed = () => void client.invalidateQueries({ queryKey: ["tokens"] });
  return (
    <Card
      id="tokens"
      title="Access tokens"
      reading="Each person and each program should have its own, with no wider scope than it needs."
      actions={
        <Button look="primary" onClick={() => setCreating(true)}>
          New token
        </Button>
      }
    >
      <Answer query={tokens} what="the tokens">
        {(data) => <TokenTable tokens={data.tokens} revoke={setRevoking} />}
      </Answer>
      {creating ? (
        <NewTokenDialog
          onCreated={(token) => {
            setCreating(false);
            setCreated(token);
            changed();
          }}
          onClose={() => setCreating(false)}
        />
      ) : null}
      {created ? <SecretDialog created={created} onClose={() => setCreated(null)} /> : null}
      {revoking ? (
        <RevokeDialog token={revoking} onRevoked={changed} onClose={() => setRevoking(null)} />
      ) : null}
    </Card>
  );
}

function TokenTable({ tokens, revoke }: { tokens: readonly Token[]; revoke: (token: Token) => void }) {
  return (
    <Table caption="Access tokens">
      <thead>
        <tr>
          {["Name", "Owner", "Scope", "Standing", "Made", "Last used"].map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {tokens.map((one) => (
          <tr key={one.id}>
            <th scope="row">
              {one.name} <code>{one.id}</code>
            </th>
            <td>{one.owner}</td>
            <td>{one.scope}</td>
            <td>{standing(one, Date.now()).words}</td>
            <td>
              <Moment at={one.created_at} />
            </td>
            <td>{one.last_used_at === null ? "never" : <Moment at={one.last_used_at} />}</td>
            <td data-number>
              {standing(one, Date.now()).valid ? (
                <Button look="danger" aria-label={`Revoke ${one.name}`} onClick={() => revoke(one)}>
                  Revoke
                </Button>
              ) : null}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at)}
    </time>
  );
}

interface RevokeProps {
  token: Token;
  onRevoked: () => void;
  onClose: () => void;
}

function RevokeDialog({ token, onRevoked, onClose }: RevokeProps) {
  const revoke = useMutation({
    mutationFn: () => api.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: token.id } } }),
    onSuccess: () => {
      onRevoked();
      onClose();
    },
  });
  return (
    <ConfirmDialog
      title={`Revoke ${token.name}?`}
      action="Revoke the token"
      danger
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate()}
      onClose={onClose}
    >
      <p>
        Whoever bears it is refused from now on: browsers are logged out, programs fail. It cannot be made
        valid again. What <b>{token.owner}</b> has submitted goes on.
      </p>
    </ConfirmDialog>
  );
}
