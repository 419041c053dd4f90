// @vitest-environment node
import { expect, it } from "vitest";
import { readNumber, readPlain, readWords } from "./inputs";
import { shortName } from "./names";

it("names a model after its last part, each one once", () => {
  expect(shortName("experts/maths", [])).toBe("maths");
  expect(shortName("org/Model.v2@0123abc", [])).toBe("Model-v2");
  expect(shortName("a/maths/", ["maths", "maths-2"])).toBe("maths-3");
});

it("keeps what is typed while it is no value yet", () => {
  expect([" 12 ", "1e-3", "-", "1e", "0x", ""].map(readNumber)).toEqual([
    12,
    0.001,
    "-",
    "1e",
    "0x",
    undefined,
  ]);
  expect(["true", "8", "auto"].map(readPlain)).toEqual([true, 8, "auto"]);
  expect([readWords("global, group:6,"), readWords(" , ")]).toEqual([["global", "group:6"], undefined]);
});
