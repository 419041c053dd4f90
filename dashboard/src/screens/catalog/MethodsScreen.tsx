import { PageHead } from "@/parts/PageHead";

export default function MethodsScreen() {
  return <PageHead title="Methods" />;
}
