import { act, renderHook, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { toSpec } from "./spec/transform";
import { forgetKey, submissionKey, useDraft } from "./useDraft";

const TEXT = "# why\nname: one\nmerge:\n  method: ties # because\n";
const BEGIN = { name: "one", merge: { method: "ties" } };

const open = (start = "template:x") => renderHook(() => useDraft(start, BEGIN, TEXT)).result;

beforeEach(() => sessionStorage.clear());

describe("a draft", () => {
  it("survives a reload; every beginning has its own", () => {
    const draft = open();
    act(() => draft.current.change(["name"], "two"));
    act(() => draft.current.setPriority(5));
    expect(open().current.draft).toEqual({ ...draft.current.draft, priority: 5 });
    expect(toSpec(open().current.draft.form).name).toBe("two");
    expect(toSpec(open("").current.draft.form).name).toBe("one");
  });
  it("is not kept while nobody has changed it", () => {
    open();
    expect(sessionStorage.length).toBe(0);
    const draft = open();
    act(() => draft.current.change(["name"], "two"));
    expect(sessionStorage.length).toBe(1);
    act(() => draft.current.change(["name"], "one"));
    expect(sessionStorage.length).toBe(0);
  });
  it("begins anew on request, and once it was submitted", () => {
    const draft = open();
    act(() => draft.current.change(["name"], "two"));
    expect(draft.current.changed).toBe(true);
    act(() => draft.current.reset());
    expect(draft.current.changed).toBe(false);
    act(() => draft.current.change(["name"], "three"));
    draft.current.forget();
    expect(toSpec(open().current.draft.form).name).toBe("one");
  });
  it("keeps the YAML as it was typed for as long as the form says the same", async () => {
    const draft = open();
    await act(() => draft.current.show("yaml"));
    expect(draft.current.draft.text).toBe(TEXT);
    await act(() => draft.current.show("form"));
    act(() => draft.current.change(["name"], "two"));
    await act(() => draft.current.show("yaml"));
    expect(draft.current.draft.text).toBe("name: two\nmerge:\n  method: ties\n");
  });
  it("takes over what is typed as YAML", async () => {
    const draft = open();
    await act(() => draft.current.show("yaml"));
    act(() => draft.current.type("name: typed\nsurprise: [1, 2]\n"));
    await waitFor(() => expect(draft.current.draft.form.name).toBe("typed"));
    await act(() => draft.current.show("form"));
    expect(toSpec(draft.current.draft.form)).toEqual({ name: "typed", surprise: [1, 2] });
  });
  it("stays in the YAML, with every letter, while that cannot be read", async () => {
    const draft = open();
    await act(() => draft.current.show("yaml"));
    act(() => draft.current.type("name: one\nmerge: {\n"));
    await act(() => draft.current.show("form"));
    expect(draft.current.draft).toMatchObject({ view: "yaml", text: "name: one\nmerge: {\n" });
    expect(draft.current.mistake?.line).toBe(3);
    expect(open().current.draft.text).toBe("name: one\nmerge: {\n");
  });
});

describe("the key of a submission", () => {
  it("stays for as long as the same is submitted", () => {
    const key = submissionKey("a");
    expect(submissionKey("a")).toBe(key);
    expect(submissionKey("b")).not.toBe(key);
  });
  it("is another one after a success, so that the same can be submitted twice on purpose", () => {
    const key = submissionKey("a");
    forgetKey();
    expect(submissionKey("a")).not.toBe(key);
  });
});
