import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { methodsQuery } from "@/api/queries";
import { useAddress } from "@/charts/address";
import { count } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { PageHead } from "@/parts/PageHead";
import { Picker } from "@/parts/Picker";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { Filter } from "./Filter";
import styles from "./Filter.module.css";
import { Paper } from "./Paper";
import { COSTS, DATA, experts, holds } from "./words";

type Method = Schemas["MethodView"];

/** The merge methods, by what they cost and need. */
export default function MethodsScreen() {
  const query = useQuery(methodsQuery);
  const [{ q = "", cost = "", data = "" }, change] = useAddress();
  const fits = (one: Method) =>
    holds(q, one.name, one.summary, one.paper) &&
    (!cost || one.cost === cost) &&
    (!data || one.data === data);
  return (
    <>
      <PageHead
        title="Methods"
        below="Ways to merge models. A search finds their parameters; every one can also be used alone."
      />
      <Card
        title="Merge methods"
        reading="The cost says how the work of one merge grows; data is what a method must see besides the weights."
      >
        <Answer query={query} what="the methods">
          {({ methods }) => {
            const found = methods.filter(fits);
            return (
              <>
                <div className={styles.filters}>
                  <Filter
                    label={`Filter ${count(methods.length)} methods`}
                    value={q}
                    onChange={(text) => change({ q: text || undefined })}
                  />
                  <Words
                    label="Cost"
                    value={cost}
                    words={COSTS}
                    set={(next) => change({ cost: next || undefined })}
                  />
                  <Words
                    label="Data"
                    value={data}
                    words={DATA}
                    set={(next) => change({ data: next || undefined })}
                  />
                </div>
                {found.length === 0 ? <Empty title="No method is like that" /> : <Methods methods={found} />}
              </>
            );
          }}
        </Answer>
      </Card>
    </>
  );
}

interface WordsProps {
  label: string;
  value: string;
  words: Record<string, string>;
  set: (value: string) => void;
}

function Words({ label, value, words, set }: WordsProps) {
  return (
    <Picker label={label} value={value} onChange={set}>
      <option value="">any</option>
      {Object.entries(words).map(([one, meaning]) => (
        <option key={one} value={one}>
          {one === "none" ? meaning : `${one}: ${meaning}`}
        </option>
      ))}
    </Picker>
  );
}

function Methods({ methods }: { methods: readonly Method[] }) {
  return (
    <Table caption="Merge methods">
      <thead>
        <tr>
          <th scope="col">Method</th>
          <th scope="col">What it does</th>
          <th scope="col">Cost</th>
          <th scope="col">Data</th>
          <th scope="col">Experts</th>
          <th scope="col">Base</th>
          <th scope="col">Paper</th>
        </tr>
      </thead>
      <tbody>
        {methods.map((one) => (
          <tr key={one.name}>
            <th scope="row">
              <Link to="/methods/$name" params={{ name: one.name }} data-row>
                {one.name}
              </Link>
            </th>
            <td className={styles.words}>{one.summary}</td>
            <td>{one.cost}</td>
            <td>{DATA[one.data] ?? one.data}</td>
            <td className={styles.short}>{experts(one.min_models, one.max_models)}</td>
            <td>{one.needs_base ? "needed" : "not needed"}</td>
            <td>
              <Paper paper={one.paper} />
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
