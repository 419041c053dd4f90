import { PageHead } from "@/parts/PageHead";

export default function ExperimentsScreen() {
  return <PageHead title="Experiments" />;
}
