import type { Schemas } from "@/api/client";
import { CodeBlock } from "@/parts/CodeBlock";
import { ConfirmDialog } from "@/parts/ConfirmDialog";

interface Props {
  created: Schemas["CreatedToken"];
  onClose: () => void;
}

/** The only time that a token's secret is shown. */
export function SecretDialog({ created: { token, secret }, onClose }: Props) {
  return (
    <ConfirmDialog
      title={`Token ${token.name}`}
      action="I have kept it"
      onConfirm={onClose}
      onClose={onClose}
    >
      <p>Copy it now: nobody can read it again, the server keeps only its hash.</p>
      <CodeBlock title="Secret" code={secret} />
      <p>
        Programs take it from <code>EVOMERGE_TOKEN</code>; people log in with it.
      </p>
    </ConfirmDialog>
  );
}
