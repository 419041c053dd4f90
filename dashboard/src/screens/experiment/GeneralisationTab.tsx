import { PageHead } from "@/parts/PageHead";

export default function GeneralisationTab() {
  return <PageHead title="Generalisation" />;
}
