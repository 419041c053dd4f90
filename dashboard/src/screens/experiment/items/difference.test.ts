import { describe, expect, it } from "vitest";
import { compare } from "./difference";

const marked = (text: string, other: string): string =>
  compare(text, other)
    .map((part) => (part.own ? `[${part.text}]` : part.text))
    .join("");

describe("compare", () => {
  it("marks what the other text does not have", () => {
    expect(marked('{"answer": 12}', '{"answer": 17}')).toBe('{"answer": [12]}');
    expect(marked("the sum is 4", "the answer is 4")).toBe("the [sum] is 4");
    expect(marked("one two three", "two")).toBe("[one ]two[ three]");
  });
  it("marks nothing in equal texts, and all of a text against an empty one", () => {
    expect(marked("same", "same")).toBe("same");
    expect(marked("all of it", "")).toBe("[all of it]");
    expect(compare("", "x")).toEqual([]);
  });
  it("gives the text back whatever it holds", () => {
    const text = "<script>alert('é')</script>\n\t日本語 🙂 x_1";
    for (const other of ["", "<script>", "🙂", text])
      expect(
        compare(text, other)
          .map((part) => part.text)
          .join(""),
      ).toBe(text);
  });
  it("stays bounded on long texts", () => {
    const long = Array.from({ length: 5_000 }, (_, i) => `w${i}`).join(" ");
    expect(marked(`a ${long} z`, `a ${long.replace("w2500", "X")} z`)).toContain(" [w2500] ");
    const other = Array.from({ length: 5_000 }, (_, i) => `v${i}`).join(" ");
    expect(compare(long, other)).toEqual([{ text: long, own: true }]);
  });
});
