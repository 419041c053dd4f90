import { PageHead } from "@/parts/PageHead";

export default function ModelsScreen() {
  return <PageHead title="Models" />;
}
