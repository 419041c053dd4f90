import { PageHead } from "@/parts/PageHead";

export default function SettingsScreen() {
  return <PageHead title="Settings" />;
}
