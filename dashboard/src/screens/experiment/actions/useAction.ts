import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { newKey } from "@/api/client";
import { Problem } from "@/api/problem";

interface Options {
  experiment: string;
  /** Sends the request; its key stays the same until the request itself changes. */
  send: (key: string) => Promise<unknown>;
  /** The request in words, so that a changed one gets a new key. */
  request?: string;
  onDone: () => void;
}

/** Sends a change of an experiment; then, or where it had changed before, everything of it is read again. */
export function useAction({ experiment, send, request = "", onDone }: Options) {
  const client = useQueryClient();
  const kept = useRef({ request, key: newKey() });
  const reload = () => client.invalidateQueries({ queryKey: ["experiment", experiment] });
  return useMutation({
    mutationFn: () => {
      if (kept.current.request !== request) kept.current = { request, key: newKey() };
      return send(kept.current.key);
    },
    onSuccess: async () => {
      await reload();
      onDone();
    },
    onError: async (error) => {
      if (error instanceof Problem && (error.status === 412 || error.status === 409)) await reload();
    },
  });
}

/** The ETag of a revision, as a change names it. */
export const ifMatch = (revision: number) => ({ "if-match": `"${revision}"` });
