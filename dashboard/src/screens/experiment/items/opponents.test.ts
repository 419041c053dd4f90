import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { parse, usual } from "./opponents";

const model = (number: number, role: string, fitness: number | null) =>
  ({ number, role, fitness, label: "", splits: {} }) as unknown as Schemas["RoleView"];

describe("opponents", () => {
  it("takes the incumbent and the best parents, never the candidate itself", () => {
    const models = [
      model(0, "base", 0.1),
      model(1, "expert", 0.3),
      model(2, "expert", 0.2),
      model(3, "expert", null),
      model(4, "baseline", 0.5),
      model(9, "merge", 0.8),
    ];
    expect(usual(models, 7)).toEqual([9, 1, 2]);
    expect(usual(models, 9)).toEqual([1, 2, 0]);
    expect(usual([], 9)).toEqual([]);
  });
  it("reads what the address says, at most four and each once", () => {
    expect(parse(undefined, 1)).toBeNull();
    expect(parse("3,x,3,1,-2,4,5,6,7", 1)).toEqual([3, 4, 5, 6]);
    expect(parse("", 1)).toEqual([]);
  });
});
