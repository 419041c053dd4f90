import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { tasksQuery } from "@/api/queries";
import { useAddress } from "@/charts/address";
import { count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { PageHead } from "@/parts/PageHead";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { Filter } from "./Filter";
import styles from "./Filter.module.css";
import { holds } from "./words";

type Task = Schemas["TaskView"];

const KINDS = { file: "file of this server", catalog: "catalog", "lm-eval": "lm-eval" } as const;

/** The tasks that specs may name. */
export default function TasksScreen() {
  const query = useQuery(tasksQuery);
  const [{ q = "" }, change] = useAddress();
  return (
    <>
      <PageHead
        title="Tasks"
        below="What merges can be scored on: task files below the server's task directories, and tasks of lm-eval that it allows."
      />
      <Card title="Tasks on this server" reading="A name is what a spec writes as tasks.task.">
        <Answer query={query} what="the tasks">
          {({ tasks }) => {
            if (tasks.length === 0)
              return (
                <Empty title="This server has no tasks">
                  <p>
                    Put task files below its task directories, which <code>EVOMERGE_TASK_ROOTS</code> names,
                    or allow tasks of lm-eval with <code>EVOMERGE_TASKS</code>.
                  </p>
                </Empty>
              );
            const found = tasks.filter((one) => holds(q, one.name, one.kind, one.benchmark?.suite ?? null));
            return (
              <>
                <div className={styles.filters}>
                  <Filter
                    label={`Filter ${count(tasks.length)} tasks`}
                    value={q}
                    onChange={(text) => change({ q: text || undefined })}
                  />
                </div>
                {found.length === 0 ? <Empty title="No task holds these words" /> : <Tasks tasks={found} />}
              </>
            );
          }}
        </Answer>
      </Card>
    </>
  );
}

function Tasks({ tasks }: { tasks: readonly Task[] }) {
  return (
    <Table caption="Tasks">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Kind</th>
          <th scope="col">Suite</th>
          <th scope="col">Metric</th>
          <th scope="col">Searched on</th>
          <th scope="col">Reported on</th>
          <th scope="col">Licence and source</th>
        </tr>
      </thead>
      <tbody>
        {tasks.map(({ name, kind, benchmark }) => (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
              {benchmark?.runs_code ? (
                <div className={styles.note}>runs code that the model wrote</div>
              ) : null}
            </th>
            <td>{KINDS[kind]}</td>
            <td>{benchmark?.suite ?? "–"}</td>
            <td>{benchmark?.metric ?? "–"}</td>
            <td>{benchmark === null ? "–" : (benchmark.search ?? "not for searches")}</td>
            <td>{benchmark?.test ?? "–"}</td>
            <td>{benchmark === null ? "–" : `${benchmark.licence}, ${benchmark.source}`}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
