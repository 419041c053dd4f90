/** What the server knows, as suggestions for the text fields that can name it. */
import { useQuery } from "@tanstack/react-query";
import { modelsQuery, tasksQuery } from "@/api/queries";
import { bytes } from "@/format/numbers";
import { isObject, type Path } from "../spec/paths";
import { useForm } from "./form";

const METRICS = ["exact_match", "acc", "acc_norm", "f1", "pass@1"];
const GRANULARITIES = [
  "global",
  "layer",
  "group:4",
  "group:6",
  "group:6+module",
  "spline:4",
  "spline:6+module",
];

/** Returns the id of the list for a place. */
export function listFor(path: Path): string | undefined {
  const key = path.at(-1);
  if (key === "models") return path.length === 1 ? "known-models" : "known-experts";
  if (key === "task") return path[0] === "tasks" ? "known-tasks" : "known-names";
  return {
    model: "known-models",
    metric: "known-metrics",
    suite: "known-suites",
    granularity: "known-granularities",
  }[String(key)];
}

export function Suggestions() {
  const models = useQuery(modelsQuery).data?.models ?? [];
  const tasks = useQuery(tasksQuery).data?.tasks ?? [];
  const { value } = useForm();
  const own = Array.isArray(value.tasks) ? value.tasks.filter(isObject) : [];
  const names = own.flatMap((task) => [task.name ?? task.task]).filter((name) => typeof name === "string");
  return (
    <>
      <datalist id="known-models">
        {models.map((model) => (
          <option key={model.name} value={model.name}>
            {model.problem ?? `${model.kind}, ${bytes(model.size_bytes)}`}
          </option>
        ))}
      </datalist>
      <List id="known-experts" values={isObject(value.models) ? Object.keys(value.models) : []} />
      <List id="known-tasks" values={tasks.map((task) => task.name)} />
      <List id="known-suites" values={tasks.flatMap((task) => task.benchmark?.suite ?? [])} />
      <List id="known-names" values={names} />
      <List id="known-metrics" values={METRICS} />
      <List id="known-granularities" values={GRANULARITIES} />
    </>
  );
}

function List({ id, values }: { id: string; values: readonly string[] }) {
  return (
    <datalist id={id}>
      {[...new Set(values)].map((value) => (
        <option key={value} value={value} />
      ))}
    </datalist>
  );
}
