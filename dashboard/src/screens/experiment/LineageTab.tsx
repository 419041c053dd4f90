import { PageHead } from "@/parts/PageHead";

export default function LineageTab() {
  return <PageHead title="Lineage" />;
}
