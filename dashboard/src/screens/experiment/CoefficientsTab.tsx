import { PageHead } from "@/parts/PageHead";

export default function CoefficientsTab() {
  return <PageHead title="Coefficients" />;
}
