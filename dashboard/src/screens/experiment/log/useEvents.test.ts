import { describe, expect, it } from "vitest";
import type { Schemas } from "@/api/client";
import { merged } from "./useEvents";

type Event = Schemas["EventView"];
const event = (seq: number, kind: Event["kind"] = "tell"): Event => ({ seq, kind, payload: {}, at: "" });
const seqs = (events: Event[]) => events.map((one) => one.seq);

describe("merged", () => {
  it("puts what is new in front, the newest first, and nothing twice", () => {
    expect(seqs(merged([event(4), event(5), event(6)], [event(4), event(3)], []))).toEqual([6, 5, 4, 3]);
  });
  it("keeps to the filter", () => {
    expect(seqs(merged([event(5), event(6, "lost")], [event(3, "lost")], ["lost"]))).toEqual([6, 3]);
  });
  it("leaves the stream as it is", () => {
    const recent = [event(1), event(2)];
    merged(recent, [], []);
    expect(seqs(recent)).toEqual([1, 2]);
  });
});
