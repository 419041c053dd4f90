// @vitest-environment node
import { expect, it } from "vitest";
import { MOST, readPicks, toggled } from "./picked";

it("picks and leaves out, up to six", () => {
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a")).toEqual(["b"]);
  const full = Array.from({ length: MOST }, (_, index) => `id${index}`);
  expect(toggled(full, "one-more")).toEqual(full);
  expect(toggled(full, "id0")).toHaveLength(MOST - 1);
});

it("reads what the address holds, whatever it is", () => {
  expect(readPicks("a,b")).toEqual(["a", "b"]);
  expect(readPicks(undefined)).toEqual([]);
  expect(readPicks(",,a,")).toEqual(["a"]);
  expect(readPicks("a,b,c,d,e,f,g,h")).toHaveLength(MOST);
});
