import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { modelsQuery } from "@/api/queries";
import { useAddress } from "@/charts/address";
import { bytes, count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { PageHead } from "@/parts/PageHead";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { Filter } from "./Filter";
import styles from "./Filter.module.css";
import { holds } from "./words";

/** The models that specs may name. */
export default function ModelsScreen() {
  const query = useQuery(modelsQuery);
  const [{ q = "" }, change] = useAddress();
  return (
    <>
      <PageHead
        title="Models"
        below="Checkpoints and adapters below the server's model directories. A spec may also name a hub id."
      />
      <Card
        title="Models on this server"
        reading="A name is what a spec writes, as base_model or below models."
      >
        <Answer query={query} what="the models">
          {({ models }) => {
            if (models.length === 0)
              return (
                <Empty title="This server has no models">
                  <p>
                    Put checkpoints below its model directories: <code>EVOMERGE_MODEL_ROOTS</code> names them.
                  </p>
                </Empty>
              );
            const found = models.filter((one) => holds(q, one.name, one.kind, one.architecture));
            return (
              <>
                <div className={styles.filters}>
                  <Filter
                    label={`Filter ${count(models.length)} models`}
                    value={q}
                    onChange={(text) => change({ q: text || undefined })}
                  />
                </div>
                {found.length === 0 ? (
                  <Empty title="No model holds these words" />
                ) : (
                  <Models models={found} />
                )}
              </>
            );
          }}
        </Answer>
      </Card>
    </>
  );
}

type Model = Schemas["ModelView"];

function Models({ models }: { models: readonly Model[] }) {
  return (
    <Table caption="Models">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Kind</th>
          <th scope="col">Architecture</th>
          <th scope="col" data-number>
            Weights
          </th>
          <th scope="col">Problem</th>
        </tr>
      </thead>
      <tbody>
        {models.map((one) => (
          <tr key={one.name}>
            <th scope="row">
              <code>{one.name}</code>
            </th>
            <td>{one.kind}</td>
            <td>{one.architecture ?? "–"}</td>
            <td data-number>{bytes(one.size_bytes)}</td>
            <td>
              {one.problem === null ? (
                <span className={styles.note}>none known</span>
              ) : (
                <span className={styles.problem}>✕ {one.problem}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
