// @vitest-environment node
import { describe, expect, it } from "vitest";
import {
  BLACKBOX,
  defaultOf,
  fieldOf,
  helpOf,
  labelOf,
  ROOT,
  rootOf,
  type Schema,
  wrongNumber,
} from "./schema";

function schemaAt(root: Schema, path: readonly (string | number)[]): Schema | undefined {
  return path.reduce<Schema | undefined>((schema, part) => {
    if (schema === undefined) return undefined;
    const field = fieldOf(schema);
    if (field.kind === "group") return field.schema.properties?.[String(part)];
    return field.kind === "list" || field.kind === "map" ? field.schema : undefined;
  }, root);
}

const at = (...path: (string | number)[]) => schemaAt(ROOT, path) as Schema;
const kind = (...path: (string | number)[]) => fieldOf(at(...path)).kind;

describe("fields from the schema", () => {
  it("are of a kind that fits", () => {
    expect(kind("name")).toBe("text");
    expect(kind("search", "seed")).toBe("number");
    expect(kind("tasks", 0, "chat_template")).toBe("switch");
    expect(kind("workers", "engine")).toBe("choice");
    expect(kind("workers", "population")).toBe("plain");
    expect(kind("merge", "hierarchy")).toBe("words");
    expect(kind("merge", "options")).toBe("values");
    expect(kind("merge", "parameters", "weight", "range")).toBe("range");
    expect([kind("tasks"), kind("models"), kind("workers")]).toEqual(["list", "map", "group"]);
  });
  it("know what a bare value means, and which groups may be left out", () => {
    expect(fieldOf(at("base_model"))).toMatchObject({ kind: "group", short: "model", optional: false });
    expect(fieldOf(at("merge", "parameters", "weight"))).toMatchObject({ short: "fixed" });
    expect(fieldOf(at("merge", "tokenizer"))).toMatchObject({ short: null, optional: true });
  });
  it("know every kind in both specs", () => {
    const walk = (schema: Schema): number => {
      const field = fieldOf(schema);
      if (field.kind === "list" || field.kind === "map") return 1 + walk(field.schema);
      if (field.kind !== "group") return 1;
      return Object.values(field.schema.properties ?? {}).reduce((sum, one) => sum + walk(one), 0);
    };
    expect(walk(ROOT)).toBeGreaterThan(60);
    expect(walk(BLACKBOX)).toBeGreaterThan(20);
  });
  it("have the schema's defaults; null is none", () => {
    expect(
      [at("search", "finalists"), at("tasks", 0, "splits", "test"), at("search", "sigma")].map(defaultOf),
    ).toEqual([4, 200, undefined]);
  });
  it("are of a black box where the spec is one", () => {
    expect([rootOf({ blackbox: {} }), rootOf({}), rootOf("text")]).toEqual([BLACKBOX, ROOT, ROOT]);
  });
  it("are labelled and explained in words", () => {
    expect(labelOf("max_model_len")).toBe("Max model len");
    expect(helpOf(at("workers", "max_model_len"))).toBe(
      "Context length in tokens; empty = the engine's choice.",
    );
  });
  it("say which numbers the schema refuses", () => {
    const refused = (value: number | string, ...path: (string | number)[]) => {
      const field = fieldOf(at(...path));
      return field.kind === "number" ? wrongNumber(value, field.whole, field.limits) : "no number";
    };
    expect(refused(3, "search", "finalists")).toBeNull();
    expect(refused(0, "search", "finalists")).toBe("At least 1");
    expect(refused(1.5, "search", "finalists")).toBe("Not a whole number");
    expect(refused("1e", "workers", "gpus")).toBe("Not a number");
    expect(refused(0, "search", "sigma")).toBe("More than 0");
  });
});
