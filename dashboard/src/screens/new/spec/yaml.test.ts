// @vitest-environment node
import { describe, expect, it } from "vitest";
import { lineOf, readYaml, writeYaml } from "./yaml";

const TEXT = `name: two-experts
models:
  maths: experts/maths
merge:
  method: ties
  parameters:
    weight:
      range: [-0.5, 1.8]
tasks:
  - task: tasks/one.yaml
    metric: exact_match
    splits: {search: 96, selection: 100, test: 200}
`;

describe("the YAML of a spec", () => {
  it("comes back as it was written", async () => {
    const read = await readYaml(TEXT);
    if (!("spec" in read)) throw new Error("it is valid");
    expect(await writeYaml(read.spec)).toBe(TEXT);
    expect(await readYaml(await writeYaml(read.spec))).toEqual(read);
  });
  it("keeps what looks like something else: text that is a number, no value, an exponent", async () => {
    const spec = { name: "12", output: null, search: { sigma: 1e-3, options: { mode: "true" } } };
    expect(await readYaml(await writeYaml(spec))).toEqual({ spec });
  });
  it("says in which line it is broken", async () => {
    expect(await readYaml("name: a\nmerge: {method: ties\ntasks: []\n")).toMatchObject({
      mistake: { line: 3 },
    });
    expect(await readYaml("name: a\nname: b\n")).toMatchObject({ mistake: { line: 2 } });
    expect(await readYaml("- a list\n")).toMatchObject({ mistake: { line: 1 } });
  });
  it("is empty before anything is typed", async () => {
    expect(await readYaml("# nothing yet\n")).toEqual({ spec: {} });
  });
  it("finds the line of a place, or of the nearest one around it", async () => {
    expect(await lineOf(TEXT, ["tasks", 0, "splits", "test"])).toBe(12);
    expect(await lineOf(TEXT, ["tasks", 0, "weight"])).toBe(10);
    expect(await lineOf(TEXT, ["merge", "parameters", "density", "range"])).toBe(7);
    expect(await lineOf(TEXT, ["search"])).toBe(1);
  });
});
