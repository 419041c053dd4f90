import { useState } from "react";
import { coefficient } from "@/format/numbers";
import { Card } from "@/parts/Card";
import { Choice } from "@/parts/Choice";
import { CodeBlock } from "@/parts/CodeBlock";
import { Table } from "@/parts/Table";
import { useYaml } from "@/parts/useYaml";
import { Profile } from "./Profile";
import styles from "./RecipeCard.module.css";
import { type WeightRow, weights } from "./weights";

interface Props {
  recipe: Record<string, unknown>;
  digest: string;
  /** Names of the parts of the model that a value each belongs to, where the record has them. */
  slots: readonly string[];
}

/** How the merge is made. */
export function RecipeCard({ recipe, digest, slots }: Props) {
  const rows = weights(recipe);
  const box = "blackbox" in recipe;
  return (
    <Card
      title="Recipe"
      reading={
        box
          ? "The coefficients that the black box was called with."
          : "All that is needed to make this merge again, on top of the same models."
      }
    >
      <div className={styles.recipe}>
        {box ? null : <Method recipe={recipe} digest={digest} />}
        {rows.length > 0 ? <Weights rows={rows} slots={slots} /> : null}
        <Source recipe={recipe} />
      </div>
    </Card>
  );
}

function Method({ recipe, digest }: { recipe: Record<string, unknown>; digest: string }) {
  const options = Object.entries((recipe.options ?? {}) as Record<string, unknown>);
  const facts: [string, string][] = [
    ["Method", String(recipe.method)],
    ["Granularity", String(recipe.granularity ?? "global")],
    ["Models", ((recipe.models ?? []) as string[]).join(", ")],
    ["Options", options.map(([name, value]) => `${name}: ${value}`).join(", ") || "as the method has them"],
    ["Digest", digest],
  ];
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Weights({ rows, slots }: { rows: readonly WeightRow[]; slots: readonly string[] }) {
  const low = Math.min(0, ...rows.map((one) => one.low));
  const high = Math.max(0, ...rows.map((one) => one.high));
  const several = rows.some((one) => one.values.length > 1);
  return (
    <Table caption="Coefficients by parameter and model">
      <thead>
        <tr>
          <th scope="col">Parameter</th>
          <th scope="col">Model</th>
          <th scope="col" data-number>
            {several ? "Mean" : "Value"}
          </th>
          {several ? (
            <>
              <th scope="col" data-number>
                Lowest
              </th>
              <th scope="col" data-number>
                Highest
              </th>
              <th scope="col">From the first to the last part of the model</th>
            </>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {rows.map((one) => (
          <tr key={`${one.parameter} ${one.model}`}>
            <th scope="row">{one.parameter}</th>
            <td>{one.model ?? "all"}</td>
            <td data-number>{coefficient(one.mean)}</td>
            {several ? (
              <>
                <td data-number>{coefficient(one.low)}</td>
                <td data-number>{coefficient(one.high)}</td>
                <td>
                  <Profile values={one.values} low={low} high={high} slots={slots} />
                </td>
              </>
            ) : null}
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

const FORMS = [
  ["yaml", "YAML"],
  ["json", "JSON"],
] as const;

function Source({ recipe }: { recipe: Record<string, unknown> }) {
  const [form, setForm] = useState<"yaml" | "json">("yaml");
  const yaml = useYaml(recipe);
  return (
    <details className={styles.source}>
      <summary>Full recipe</summary>
      <CodeBlock
        title={form === "yaml" ? "Recipe as YAML" : "Recipe as JSON"}
        code={form === "yaml" ? (yaml ?? "") : JSON.stringify(recipe, null, 2)}
        actions={<Choice label="Form" value={form} choices={FORMS} onChange={setForm} />}
      />
    </details>
  );
}
