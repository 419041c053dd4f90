/** The names of searched coordinates, taken apart: which parameter of which model, how deep, in which modules. */

export interface Gene {
  /** Place among the coordinates. */
  index: number;
  label: string;
  parameter: string;
  /** A model, several that share it, or a contrast such as `math : code`; empty where it is the merge's own. */
  owner: string;
  /** `attention`, `mlp` or `other`; empty where it holds for all. */
  module: string;
  /** `block 3`, `blocks 0-5 (layer)`, or `whole model`. */
  depth: string;
}

const WHOLE = "whole model";
const MODULE = /(?:^| )(attention|mlp|other)$/;
const LEVEL = / ?\(([^()]*)\)$/;

/** Takes a label apart: parameter, owner, place, module, level, each but the first only where there is one. */
export function parseGene(label: string, index: number, models: readonly string[]): Gene {
  const [parameter = label, ...words] = label.split(" ");
  const owner = ownerIn(words[0], models);
  let place = words.slice(owner === "" ? 0 : 1).join(" ");
  const level = LEVEL.exec(place)?.[0].trim() ?? "";
  place = place.replace(LEVEL, "");
  const module = MODULE.exec(place)?.[1] ?? "";
  place = place.replace(MODULE, "");
  const depth = place === "" || place === "all blocks" ? WHOLE : place;
  return { index, label, parameter, owner, module, depth: level === "" ? depth : `${depth} ${level}` };
}

function ownerIn(word: string | undefined, models: readonly string[]): string {
  if (word === undefined) return "";
  if (models.includes(word)) return word;
  if (word === "(shared)") return "all models";
  const parts = word.split(/[,:]/);
  return parts.length > 1 && parts.every((part) => models.includes(part))
    ? word.replaceAll(",", ", ").replace(":", " : ")
    : "";
}

/** A name short enough for the head of a column; `several` parameters need to be told apart. */
export const shortParts = (gene: Omit<Gene, "index">, several: boolean): string[] =>
  [
    several || gene.owner + gene.module === "" ? gene.parameter : "",
    gene.owner,
    gene.depth,
    gene.module,
  ].filter((part) => part !== "" && part !== WHOLE);

/** Whether the coordinates belong to more than one parameter. */
export const areSeveral = (genes: readonly Omit<Gene, "index">[]): boolean =>
  new Set(genes.map((gene) => gene.parameter)).size > 1;

export interface Cell {
  row: number;
  column: number;
  /** Its coordinate, where it is one. */
  gene: number | null;
  label: string;
}

/** Cells by depth (rows) and by parameter, model and module (columns). */
export interface Grid {
  rows: readonly string[];
  columns: readonly string[];
  cells: readonly Cell[];
}

/** Puts coordinates, or coefficients named like them, into rows and columns. */
export function gridOf(genes: readonly (Omit<Gene, "index"> & { index: number | null })[]): Grid {
  const several = areSeveral(genes);
  const nameOf = (gene: Omit<Gene, "index">) =>
    [several || gene.owner + gene.module === "" ? gene.parameter : "", gene.owner, gene.module]
      .filter(Boolean)
      .join("\n");
  const rows = [...new Set(genes.map((gene) => gene.depth))].sort(byDepth);
  const columns = [...new Set(genes.map(nameOf))];
  return {
    rows,
    columns,
    cells: genes.map((gene) => ({
      row: rows.indexOf(gene.depth),
      column: columns.indexOf(nameOf(gene)),
      gene: gene.index,
      label: gene.label,
    })),
  };
}

/** Coarse levels first, then from the first block to the last. */
function byDepth(a: string, b: string): number {
  const key = (text: string): [number, number] => [
    LEVEL.test(text) ? 1 : 0,
    Number(/\d+(\.\d+)?/.exec(text)?.[0] ?? -1),
  ];
  const [first, second] = [key(a), key(b)];
  return first[0] - second[0] || first[1] - second[1];
}
