import { PageHead } from "@/parts/PageHead";
import { Stack } from "@/parts/Stack";
import { useMay } from "@/session/useScope";
import { Appearance } from "./Appearance";
import { Server } from "./Server";
import { Session } from "./Session";
import { Tokens } from "./Tokens";

/** This browser, this session, and who else may use the server. */
export default function SettingsScreen() {
  const isAdmin = useMay("admin");
  return (
    <>
      <PageHead title="Settings" />
      <Stack>
        <Stack pairs>
          <Appearance />
          <Session />
        </Stack>
        {isAdmin ? <Tokens /> : null}
        <Server />
      </Stack>
    </>
  );
}
