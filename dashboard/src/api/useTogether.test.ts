import { renderHook } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { useTogether } from "./useTogether";

describe("useTogether", () => {
  it("gives the first data at once, and further data once nothing is under way", () => {
    const { result, rerender } = renderHook(({ data, busy }) => useTogether(data, busy), {
      initialProps: { data: undefined as string | undefined, busy: true },
    });
    const given = (data: string, busy: boolean) => {
      rerender({ data, busy });
      return result.current;
    };
    expect(result.current).toBeUndefined();
    expect([given("series", true), given("series and points", true), given("all", false)]).toEqual([
      "series",
      "series",
      "all",
    ]);
    expect([given("new series", true), given("all new", false)]).toEqual(["all", "all new"]);
  });
});
