import { PageHead } from "@/parts/PageHead";

export default function CandidatesTab() {
  return <PageHead title="Candidates" />;
}
