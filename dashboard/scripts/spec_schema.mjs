/** Takes the spec's own schema out of the API's document: the new-experiment form is made from it. */
import { readFileSync, writeFileSync } from "node:fs";

const [from, to] = process.argv.slice(2);
const { schemas } = JSON.parse(readFileSync(from, "utf-8")).components;
const needed = {};

function take(name) {
  if (name in needed) return;
  needed[name] = schemas[name];
  for (const [, other] of JSON.stringify(schemas[name]).matchAll(/"#\/components\/schemas\/(\w+)"/g)) take(other);
}

take("ExperimentSpec");
take("BlackboxExperiment");
writeFileSync(to, `${JSON.stringify({ components: { schemas: needed } }, null, 1)}\n`);
