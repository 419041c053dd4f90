import { PageHead } from "@/parts/PageHead";

export default function TasksScreen() {
  return <PageHead title="Tasks" />;
}
