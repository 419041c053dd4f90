import { PageHead } from "@/parts/PageHead";

export default function DynamicsTab() {
  return <PageHead title="Dynamics" />;
}
