import type { Schemas } from "@/api/client";
import { ago, exact } from "@/format/times";

export type Token = Schemas["TokenView"];

/** Whether a token is accepted, in words; `now` in milliseconds since the epoch. */
export function standing(token: Token, now: number): { valid: boolean; words: string } {
  if (token.revoked_at !== null) return { valid: false, words: `✕ revoked ${ago(token.revoked_at, now)}` };
  if (token.expires_at === null) return { valid: true, words: "✓ valid for ever" };
  const expired = Date.parse(token.expires_at) <= now;
  return expired
    ? { valid: false, words: `✕ expired ${ago(token.expires_at, now)}` }
    : { valid: true, words: `✓ valid until ${exact(token.expires_at)}` };
}

/** The moment so many days from now; null for ever. */
export const expiry = (days: number | null, now: number): string | null =>
  days === null ? null : new Date(now + days * 86_400_000).toISOString();
