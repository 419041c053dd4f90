/** What a run would search, and what it would take. */
import type { Schemas } from "@/api/client";
import { bytes, compact, count, duration } from "@/format/numbers";
import { Figures } from "@/parts/Figures";
import { Table } from "@/parts/Table";
import styles from "./PlanView.module.css";

type Needs = Schemas["NeedsView"];

const GENES_SHOWN = 200;

export function PlanView({ plan }: { plan: Schemas["Plan"] }) {
  const { needs } = plan;
  return (
    <div className={styles.plan}>
      <Figures
        figures={[
          { name: "Searched coefficients", value: count(plan.dimensions) },
          ...(needs ? figures(needs) : []),
        ]}
      />
      {needs ? <p className={styles.small}>Time: {needs.hours_source}.</p> : null}
      <details>
        <summary>Names of the coefficients</summary>
        <ul className={styles.genes}>
          {plan.genes.slice(0, GENES_SHOWN).map((gene) => (
            <li key={gene}>
              <code>{gene}</code>
            </li>
          ))}
        </ul>
        {plan.genes.length > GENES_SHOWN ? (
          <p className={styles.small}>and {count(plan.genes.length - GENES_SHOWN)} more</p>
        ) : null}
      </details>
      {needs ? <NeedsTables needs={needs} /> : <p className={styles.small}>A black box runs elsewhere.</p>}
    </div>
  );
}

function figures(needs: Needs) {
  return [
    { name: "Expected time", value: needs.hours === null ? "not known" : duration(needs.hours * 3600) },
    { name: "Memory of one worker", value: bytes(total(needs.host_bytes)) },
    ...(Object.keys(needs.device_bytes).length > 0
      ? [{ name: "Memory of one GPU", value: bytes(total(needs.device_bytes)) }]
      : []),
    {
      name: "Disk",
      value: needs.store_bytes === null ? "not known" : bytes(needs.store_bytes + needs.export_bytes),
    },
  ];
}

const total = (parts: Record<string, number>): number =>
  Object.values(parts).reduce((sum, one) => sum + one, 0);

function NeedsTables({ needs }: { needs: Needs }) {
  return (
    <>
      <div>
        <h3>Work, at most</h3>
        <p className={styles.small}>Read and written are tokens.</p>
      </div>
      <Table caption="Work by stage">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" data-number>
              Candidates
            </th>
            <th scope="col" data-number>
              Items
            </th>
            <th scope="col" data-number>
              Read
            </th>
            <th scope="col" data-number>
              Written
            </th>
          </tr>
        </thead>
        <tbody>
          {needs.stages.map((stage) => (
            <tr key={stage.stage}>
              <th scope="row">{stage.stage}</th>
              <td data-number>{count(stage.candidates)}</td>
              <td data-number>{count(stage.items)}</td>
              <td data-number>{compact(stage.prompt_tokens)}</td>
              <td data-number>{compact(stage.generated_tokens)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      <details>
        <summary>Memory by part</summary>
        <Sizes caption="Memory of one worker" parts={needs.host_bytes} />
        {Object.keys(needs.device_bytes).length > 0 ? (
          <Sizes caption="Memory of each of its GPUs" parts={needs.device_bytes} />
        ) : null}
        <p className={styles.small}>
          Besides {bytes(needs.mapped_bytes)} that the workers of a machine share
          {needs.mirror_bytes > 0
            ? `, and up to ${bytes(needs.mirror_bytes)} that a merge keeps on its GPU`
            : ""}
          .{needs.assumed.length > 0 ? ` The state of ${needs.assumed.join(", ")} is assumed.` : ""}
        </p>
      </details>
      <h3>{needs.workers === 1 ? "One worker" : `${count(needs.workers)} workers`} on</h3>
      <Table caption="Machines">
        <thead>
          <tr>
            <th scope="col">Machine</th>
            <th scope="col" data-number>
              Memory
            </th>
            <th scope="col" data-number>
              Free now
            </th>
            <th scope="col" data-number>
              Room for
            </th>
          </tr>
        </thead>
        <tbody>
          {needs.nodes.map((node) => (
            <tr key={node.name}>
              <th scope="row">{node.name}</th>
              <td data-number>{bytes(node.memory_bytes)}</td>
              <td data-number>{bytes(node.free_bytes)}</td>
              <td data-number>{node.workers === 1 ? "1 worker" : `${count(node.workers)} workers`}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </>
  );
}

function Sizes({ caption, parts }: { caption: string; parts: Record<string, number> }) {
  const sorted = Object.entries(parts).sort(([, one], [, other]) => other - one);
  return (
    <Table caption={caption}>
      <thead>
        <tr>
          <th scope="col">{caption}</th>
          <th scope="col" data-number>
            {bytes(total(parts))}
          </th>
        </tr>
      </thead>
      <tbody>
        {sorted.map(([part, size]) => (
          <tr key={part}>
            <th scope="row">{part}</th>
            <td data-number>{bytes(size)}</td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}
