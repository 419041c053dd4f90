import { describe, expect, it } from "vitest";
import { fill } from "./page";

const PAGE = '<head><script type="application/json" id="evomerge-snapshot"></script></head>';

describe("fill", () => {
  it("holds whatever a model wrote, and nothing of it ends the element", () => {
    const snapshot = {
      taken_at: "2026-01-01T00:00:00Z",
      experiment: "one",
      answers: { "/api/v1/experiments/one": { output: "</script><script>alert(1)</script> $& $' <!--" } },
    };
    const page = fill(PAGE, snapshot);
    const found = new DOMParser().parseFromString(page, "text/html");
    expect(found.querySelectorAll("script")).toHaveLength(1);
    expect(JSON.parse(found.getElementById("evomerge-snapshot")?.textContent ?? "")).toEqual(snapshot);
  });
  it("refuses a page without a place for the data", () => {
    expect(() => fill("<head></head>", { taken_at: "", experiment: "", answers: {} })).toThrow("no place");
  });
});
