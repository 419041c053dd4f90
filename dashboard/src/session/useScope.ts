import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";

const ORDER: readonly Schemas["Scope"][] = ["read", "run", "admin"];

/** Whether the session's token may do what needs `scope`; an exported page may nothing but be read. */
export function useMay(scope: Schemas["Scope"]): boolean {
  const session = useQuery({ ...sessionQuery, enabled: snapshot === null });
  if (snapshot !== null) return scope === "read";
  return session.data != null && ORDER.indexOf(session.data.scope) >= ORDER.indexOf(scope);
}
