// @vitest-environment node
import Ajv from "ajv/dist/2020";
import { expect, it } from "vitest";
import document from "@/api/spec-schema.json";
import { isObject, type JsonObject } from "../spec/paths";
import { toForm, toSpec } from "../spec/transform";
import { readYaml } from "../spec/yaml";
import { TEMPLATES } from "./templates";

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(document, "spec");

/** What a template leaves to the user. */
function filled(spec: JsonObject): JsonObject {
  if (isObject(spec.blackbox))
    return { ...spec, blackbox: { ...spec.blackbox, url: "http://127.0.0.1:9000" } };
  const tasks = (spec.tasks as JsonObject[]).map((task, index) => ({ ...task, task: `task-${index}` }));
  return { ...spec, base_model: "base", models: { one: "one", two: "two" }, tasks };
}

function wrong(spec: JsonObject): string[] {
  const name = "blackbox" in spec ? "BlackboxExperiment" : "ExperimentSpec";
  const check = ajv.getSchema(`spec#/components/schemas/${name}`);
  if (!check) throw new Error("no such schema");
  check(spec);
  return (check.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

it("finds what is wrong, so that the tests below can fail", () => {
  expect(wrong(filled({ name: "Bad Name", merge: {}, tasks: [], search: { budgets: {} } }))).not.toEqual([]);
});

it.each(TEMPLATES.map((one) => [one.name, one] as const))(
  "%s is a valid spec once its names are filled in",
  async (_, template) => {
    const read = await readYaml(template.text);
    if (!("spec" in read)) throw new Error(read.mistake.message);
    expect(wrong(filled(read.spec))).toEqual([]);
    expect(toSpec(toForm(read.spec))).toEqual(read.spec);
    expect(wrong(read.spec).length > 0 || "blackbox" in read.spec).toBe(true);
    expect(template.title.length * template.summary.length).toBeGreaterThan(0);
  },
);
