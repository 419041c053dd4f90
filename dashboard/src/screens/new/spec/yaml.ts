/** The YAML of a spec. The parser loads when it is first needed. */
import { isObject, type Json, type JsonObject, type Path } from "./paths";

export interface Mistake {
  line: number;
  message: string;
}
export type Read = { spec: JsonObject } | { mistake: Mistake };

const library = () => import("yaml");

const LINE = 60;

export async function writeYaml(spec: JsonObject): Promise<string> {
  const { Document, visit } = await library();
  const document = new Document(spec);
  visit(document, {
    // Short groups of plain values stand in one line, as people write them; the sections themselves never do.
    Collection(key, node, path) {
      const found: unknown[] = Object.values(node.toJSON());
      const plain = found.every((one) => typeof one !== "object");
      node.flow = plain && key === "value" && path.length > 3 && JSON.stringify(found).length < LINE;
    },
  });
  return document.toString({ lineWidth: 110, flowCollectionPadding: false });
}

export async function readYaml(text: string): Promise<Read> {
  const { LineCounter, parseDocument } = await library();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) return { mistake: { line: lines.linePos(error.pos[0]).line, message: error.message } };
  try {
    const spec = (document.toJS({ maxAliasCount: 100 }) ?? {}) as Json;
    return isObject(spec)
      ? { spec }
      : { mistake: { line: 1, message: "A spec is a mapping: lines of the form key: value" } };
  } catch (failure) {
    return { mistake: { line: 1, message: failure instanceof Error ? failure.message : String(failure) } };
  }
}

/** Returns the line of the deepest node on the way to a place. */
export async function lineOf(text: string, path: Path): Promise<number> {
  const { isNode, LineCounter, parseDocument } = await library();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
