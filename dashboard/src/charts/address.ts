/** What a person chose about a plot, kept in the address of the page, so that a link shows the same. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

type Values = Record<string, string | undefined>;

// The router reads `7` as a number and would write the text "7" in quotes.
const written = (value: string | undefined) => (/^\d{1,9}$/.test(value ?? "") ? Number(value) : value);
const mapped = <T, U>(values: Record<string, T>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));

/** The choices in the address, and how to set some of them; undefined removes one. */
export function useAddress(): [Values, (changes: Values) => void] {
  const values = mapped(useSearch({ strict: false }) as Record<string, unknown>, (value) =>
    value === undefined ? undefined : String(value),
  );
  const navigate = useNavigate();
  const change = useCallback(
    (changes: Values) =>
      void navigate({
        to: ".",
        // The plots do not know which screen they are on, so the router cannot check the names.
        search: ((old: Values) => ({ ...old, ...mapped(changes, written) })) as never,
        hash: true,
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  return [values, change];
}

/** One choice of a few; the first is what holds where the address names none. */
export function useSwitch<const T extends string>(
  key: string,
  choices: readonly T[],
): [T, (chosen: T) => void] {
  const [values, change] = useAddress();
  const first = choices[0] as T;
  const chosen = choices.find((one) => one === values[key]) ?? first;
  return [chosen, (next) => change({ [key]: next === first ? undefined : next })];
}
