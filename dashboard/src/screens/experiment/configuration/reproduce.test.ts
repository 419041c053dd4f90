import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { commands, python, specFile } from "./reproduce";

const experiment = {
  id: "abcd2345",
  name: "json-math",
  spec: {},
  resolved: { versions: { python: "3.11.7", evomerge: "0.1.0", torch: "2.13.0+cpu" } },
  outcome: { winner: { number: 412, label: "" } },
  standings: [{ number: 7 }],
} as unknown as Schemas["ExperimentDetail"];
const SERVER = "http://merge:8000/lab";

describe("how to reproduce", () => {
  it("pins every version that was recorded, and names Python's apart", () => {
    const text = commands(experiment, SERVER);
    expect(text).toContain(
      "(Python 3.11.7)\npip install \\\n  'evomerge==0.1.0' \\\n  'torch==2.13.0+cpu'\n",
    );
    expect(text).not.toContain("python==");
  });
  it("clones on the server, runs alone, and exports the winner", () => {
    const text = commands(experiment, SERVER);
    expect(text).toContain("export EVOMERGE_SERVER=http://merge:8000/lab\nevomerge clone abcd2345\n");
    expect(text).toContain(`evomerge run ${specFile(experiment)}`);
    expect(text).toContain("evomerge export abcd2345 --candidate 412 --out json-math-412");
    expect(python(experiment, SERVER)).toContain('client.save("abcd2345", "json-math-412", candidate=412)');
  });
  it("exports the best one before there is a winner, and nothing of a black box or of nobody", () => {
    expect(commands({ ...experiment, outcome: null }, SERVER)).toContain("--candidate 7");
    expect(commands({ ...experiment, spec: { blackbox: {} } }, SERVER)).not.toContain("export abcd");
    expect(python({ ...experiment, outcome: null, standings: [] }, SERVER)).not.toContain("save");
  });
});
