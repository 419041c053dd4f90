import { afterEach, describe, expect, it, vi } from "vitest";
import { api } from "@/api/client";
import { isAbout, readOn, record } from "./recorder";

// Only browsers know what an address without a host means.
vi.hoisted(() => {
  const root = document.createElement("meta");
  root.name = "evomerge-root";
  root.content = "http://localhost/merges";
  document.head.append(root);
});

const HERE = "http://localhost/merges/api/v1";

function serve(answers: Record<string, unknown>): void {
  vi.stubGlobal(
    "fetch",
    vi.fn(async (request: Request) => {
      const found = answers[request.url.replace(/^.*\/api\/v1/, "")];
      return new Response(JSON.stringify(found ?? { status: 404 }), {
        status: found === undefined ? 404 : 200,
      });
    }),
  );
}

afterEach(() => vi.unstubAllGlobals());

describe("isAbout", () => {
  it("takes the experiment and what is below it, below any prefix", () => {
    const about = (address: string) => isAbout("abc", HERE + address);
    expect(
      ["/experiments/abc", "/experiments/abc/series?points=5", "/experiments?limit=1&q=abc"].map(about),
    ).toEqual([true, true, true]);
    expect(["/experiments/abcd", "/experiments?q=abcd", "/experiments", "/tokens"].map(about)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("record", () => {
  it("keeps answers by their address, follows lists to their fifth page, and stops", async () => {
    const pages = Object.fromEntries(
      [null, "1", "2", "3", "4", "5"].map((cursor, i) => [
        `/experiments/abc/candidates?${cursor === null ? "" : `cursor=${cursor}&`}limit=2`,
        { candidates: [], next: String(i + 1) },
      ]),
    );
    serve({ "/experiments/abc": { name: "one" }, ...pages });
    const recorder = record("abc");
    const path = { experiment_id: "abc" };
    await api.GET("/api/v1/experiments/{experiment_id}", { params: { path } });
    await api.GET("/api/v1/experiments/{experiment_id}/candidates", {
      params: { path, query: { limit: 2 } },
    });
    await readOn(recorder);
    recorder.stop();
    const before = Object.keys(recorder.answers);
    expect(before).toHaveLength(6);
    expect(recorder.answers["/api/v1/experiments/abc"]).toEqual({ name: "one" });
    const next = (cursor: string) =>
      (recorder.answers[`/api/v1/experiments/abc/candidates?cursor=${cursor}&limit=2`] as { next: unknown })
        .next;
    expect([next("1"), next("4")]).toEqual(["2", null]);
    await api
      .GET("/api/v1/experiments/{experiment_id}/candidates", {
        params: { path, query: { limit: 2, order: "number" } },
      })
      .catch(() => null);
    expect(Object.keys(recorder.answers)).toEqual(before);
  });
});
