import { PageHead } from "@/parts/PageHead";

export default function CompareScreen() {
  return <PageHead title="Compare" />;
}
