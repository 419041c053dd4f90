import { PageHead } from "@/parts/PageHead";

export default function LogTab() {
  return <PageHead title="Log" />;
}
