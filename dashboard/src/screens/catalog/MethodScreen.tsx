import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, body, type Schemas } from "@/api/client";
import { coefficient } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { buttonClass } from "@/parts/Button";
import { Card } from "@/parts/Card";
import { CodeBlock } from "@/parts/CodeBlock";
import { PageHead } from "@/parts/PageHead";
import { Stack } from "@/parts/Stack";
import { Empty } from "@/parts/states";
import { Table } from "@/parts/Table";
import { useMay } from "@/session/useScope";
import styles from "./Filter.module.css";
import { Paper } from "./Paper";
import { mergeSection } from "./snippet";
import { COSTS, DATA, experts, LINEARITY } from "./words";

type Method = Schemas["MethodView"];

/** One merge method: what it does, what it costs, all that can be set, and how a spec names it. */
export default function MethodScreen() {
  const { name } = useParams({ from: "/methods/$name" });
  const mayRun = useMay("run");
  const query = useQuery({
    queryKey: ["methods", name],
    queryFn: () => body(api.GET("/api/v1/methods/{name}", { params: { path: { name } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <>
      <PageHead
        title={name}
        below={query.data?.summary ?? <Link to="/methods">All methods</Link>}
        actions={
          mayRun && query.data !== undefined ? (
            <Link to="/experiments/new" search={{ method: name }} className={buttonClass("primary")}>
              Use in a new experiment
            </Link>
          ) : null
        }
      />
      <Answer query={query} what="the method">
        {(method) => (
          <Stack>
            <Stack pairs>
              <Facts method={method} />
              <Snippet method={method} />
            </Stack>
            <Parameters method={method} />
            <Options method={method} />
          </Stack>
        )}
      </Answer>
    </>
  );
}

function Facts({ method }: { method: Method }) {
  const facts: [string, React.ReactNode][] = [
    ["Cost", COSTS[method.cost] === undefined ? method.cost : `${method.cost}: ${COSTS[method.cost]}`],
    ["Data", DATA[method.data] ?? method.data],
    ["Experts", experts(method.min_models, method.max_models)],
    ["Base model", method.needs_base ? "needed: it merges what experts changed in it" : "not needed"],
    ["Merge", LINEARITY[method.linear] ?? method.linear],
    ["Paper", <Paper key="paper" paper={method.paper} />],
  ];
  return (
    <Card title="At a glance">
      <dl className={styles.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}

function Snippet({ method }: { method: Method }) {
  return (
    <Card
      title="In a spec"
      reading="Its searched parameters with their own ranges; leave out what suits you."
    >
      <CodeBlock title="Merge section" code={mergeSection(method)} />
    </Card>
  );
}

const SCOPES: Record<string, string> = { model: "each expert", merge: "the merge", step: "each step" };

function Parameters({ method: { parameters } }: { method: Method }) {
  return (
    <Card
      title="Parameters"
      reading="Coefficients with a range. Those marked as searched are, unless a spec fixes them; others are fixed unless it gives a range."
    >
      <Table caption="Parameters">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Meaning</th>
            <th scope="col">One for</th>
            <th scope="col">Varies over layers</th>
            <th scope="col">Searched</th>
            <th scope="col" data-number>
              Default
            </th>
            <th scope="col" data-number>
              Range
            </th>
            <th scope="col">Scale</th>
          </tr>
        </thead>
        <tbody>
          {parameters.map((one) => (
            <tr key={one.name}>
              <th scope="row">
                <code>{one.name}</code>
              </th>
              <td className={styles.words}>{one.doc}</td>
              <td>{SCOPES[one.scope] ?? one.scope}</td>
              <td>{one.granular ? "can" : "cannot"}</td>
              <td>{one.searched ? "yes" : "no"}</td>
              <td data-number>{coefficient(one.default)}</td>
              <td data-number>
                {coefficient(one.low)} to {coefficient(one.high)}
              </td>
              <td>{one.coding}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  );
}

function Options({ method: { options } }: { method: Method }) {
  return (
    <Card title="Options" reading="Switches that no search changes.">
      {options.length === 0 ? (
        <Empty title="It has no options" />
      ) : (
        <Table caption="Options">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Meaning</th>
              <th scope="col">Default</th>
              <th scope="col">Choices</th>
            </tr>
          </thead>
          <tbody>
            {options.map((one) => (
              <tr key={one.name}>
                <th scope="row">
                  <code>{one.name}</code>
                </th>
                <td className={styles.words}>{one.doc}</td>
                <td>{one.default === "" ? "–" : <code>{String(one.default)}</code>}</td>
                <td>{one.path ? "a file" : (one.choices?.map(String).join(", ") ?? typeof one.default)}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </Card>
  );
}
