import { PageHead } from "@/parts/PageHead";

export default function MethodScreen() {
  return <PageHead title="Method" />;
}
