import { PageHead } from "@/parts/PageHead";

export default function ConfigurationTab() {
  return <PageHead title="Configuration" />;
}
