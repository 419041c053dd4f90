/** How the same result comes about again: exact commands and the same in Python. */
import type { Schemas } from "@/api/client";

type Detail = Schemas["ExperimentDetail"];

export const specFile = (experiment: Detail): string => `${experiment.name}.yaml`;

function pinned(versions: Record<string, string>): string[] {
  return Object.entries(versions).flatMap(([name, version]) =>
    name === "python" ? [] : [`'${name}==${version}'`],
  );
}

/** The candidate to export: the winner, else the best so far. */
const chosen = (experiment: Detail): number | undefined =>
  experiment.outcome?.winner?.number ?? experiment.standings[0]?.number;

/** Shell commands, one step below the other; `server` is the address of this page's server. */
export function commands(experiment: Detail, server: string): string {
  const versions = (experiment.resolved.versions ?? {}) as Record<string, string>;
  const number = chosen(experiment);
  const python = versions.python ? ` (Python ${versions.python})` : "";
  const lines = [
    `# The versions that it ran with${python}`,
    ["pip install", ...pinned(versions)].join(" \\\n  "),
    "",
  ];
  lines.push(
    "# The same search on this server, with the same models, tasks, seed and budget",
    `export EVOMERGE_SERVER=${server}`,
    `evomerge clone ${experiment.id}`,
    "",
    "# Or on a machine of your own, next to the models and tasks that the spec names",
    `evomerge run ${specFile(experiment)}`,
  );
  if (number !== undefined && !("blackbox" in experiment.spec))
    lines.push(
      "",
      "# The same weights again, from the recipe in the record",
      `evomerge export ${experiment.id} --candidate ${number} --out ${experiment.name}-${number}`,
    );
  return lines.join("\n");
}

export function python(experiment: Detail, server: string): string {
  const number = chosen(experiment);
  const lines = [
    "from evomerge import Client",
    "",
    `with Client(${JSON.stringify(server)}) as client:  # its token: EVOMERGE_TOKEN`,
    `    again = client.clone(${JSON.stringify(experiment.id)})  # the same spec, seed and budget`,
    "    print(client.wait(again.id).outcome)",
  ];
  if (number !== undefined && !("blackbox" in experiment.spec))
    lines.push(
      `    client.save(${JSON.stringify(experiment.id)}, ${JSON.stringify(`${experiment.name}-${number}`)}, candidate=${number})`,
    );
  return lines.join("\n");
}
