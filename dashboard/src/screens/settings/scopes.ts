import type { Schemas } from "@/api/client";

/** What each scope allows; each includes those before it. */
export const SCOPES: Record<Schemas["Scope"], string> = {
  read: "read: see everything",
  run: "run: submit, pause, resume, cancel, extend, inject and export too",
  admin: "admin: manage tokens too",
};
