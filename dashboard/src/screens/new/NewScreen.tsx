import { PageHead } from "@/parts/PageHead";

export default function NewScreen() {
  return <PageHead title="New experiment" />;
}
