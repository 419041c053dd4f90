import { useEffect, useState } from "react";

/** A value as YAML; null until the library is there. */
export function useYaml(value: unknown): string | null {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    let gone = false;
    void import("yaml").then(({ stringify }) => {
      if (!gone) setText(stringify(value, { lineWidth: 100 }));
    });
    return () => {
      gone = true;
    };
  }, [value]);
  return text;
}
