// @vitest-environment node
import { describe, expect, it } from "vitest";
import { Problem } from "@/api/problem";
import { parsePath } from "./paths";
import { fieldProblems, shownAt } from "./problems";

describe("problems at fields", () => {
  it("are all that the server lists, the first one first", () => {
    const problem = new Problem({
      status: 422,
      field: "tasks[0].metric",
      problem: "missing",
      errors: [
        { field: "tasks[0].metric", problem: "missing" },
        { field: "search.budget", problem: "no limit" },
      ],
    });
    expect(fieldProblems(problem)).toEqual([
      { path: ["tasks", 0, "metric"], message: "missing" },
      { path: ["search", "budget"], message: "no limit" },
    ]);
  });
  it("bring their fix, and are none where the answer names no field", () => {
    const one = new Problem({
      status: 422,
      field: "body.spec.base_model",
      problem: "no such model",
      fix: "add it",
    });
    expect(fieldProblems(one)).toEqual([
      { path: ["base_model"], message: "no such model. To fix it: add it" },
    ]);
    expect(fieldProblems(new Problem({ status: 503, detail: "busy" }))).toEqual([]);
  });
  it("are shown at the deepest field that there is", () => {
    const shown = (text: string) =>
      shownAt(parsePath(text), (place) => ["tasks", "tasks[0].metric"].includes(place));
    expect(shown("tasks[0].metric")).toBe("tasks[0].metric");
    expect(shown("tasks[1].metric")).toBe("tasks");
    expect(shown("elsewhere.x")).toBeNull();
  });
});
