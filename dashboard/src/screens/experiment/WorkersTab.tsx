import { PageHead } from "@/parts/PageHead";

export default function WorkersTab() {
  return <PageHead title="Workers" />;
}
