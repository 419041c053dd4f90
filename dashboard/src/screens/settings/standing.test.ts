import { describe, expect, it } from "vitest";
import { expiry, standing, type Token } from "./standing";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const token = (changes: Partial<Token>): Token => ({
  id: "0123abcd",
  name: "ci",
  owner: "ada",
  scope: "run",
  created_at: "2026-01-01T00:00:00Z",
  expires_at: null,
  revoked_at: null,
  last_used_at: null,
  ...changes,
});

describe("standing", () => {
  it("is valid for ever without an end", () => {
    expect(standing(token({}), NOW)).toEqual({ valid: true, words: "✓ valid for ever" });
  });
  it("ends at its expiry", () => {
    expect(standing(token({ expires_at: "2026-03-01T13:00:00Z" }), NOW).valid).toBe(true);
    expect(standing(token({ expires_at: "2026-03-01T10:00:00Z" }), NOW)).toEqual({
      valid: false,
      words: "✕ expired 2 h ago",
    });
  });
  it("stays revoked whatever its expiry", () => {
    const found = standing(
      token({ revoked_at: "2026-03-01T11:00:00Z", expires_at: "2027-01-01T00:00:00Z" }),
      NOW,
    );
    expect(found).toEqual({ valid: false, words: "✕ revoked 1 h ago" });
  });
});

describe("expiry", () => {
  it("counts days from now", () => {
    expect([expiry(1, NOW), expiry(null, NOW)]).toEqual(["2026-03-02T12:00:00.000Z", null]);
  });
});
