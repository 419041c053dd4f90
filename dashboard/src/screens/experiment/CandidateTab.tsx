import { PageHead } from "@/parts/PageHead";

export default function CandidateTab() {
  return <PageHead title="Candidate" />;
}
