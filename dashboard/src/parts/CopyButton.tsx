import { useState } from "react";
import { Button } from "./Button";

type Said = "idle" | "copied" | "refused";

/** Copies a text and says whether it did. */
export function CopyButton({ text, children }: { text: string; children: string }) {
  const [said, setSaid] = useState<Said>("idle");
  return (
    <Button
      onClick={() =>
        // Away from https and localhost there is no clipboard at all.
        (navigator.clipboard?.writeText(text) ?? Promise.reject()).then(
          () => setSaid("copied"),
          () => setSaid("refused"),
        )
      }
    >
      <span aria-live="polite">
        {said === "copied" ? "Copied" : said === "refused" ? "The browser did not allow it" : children}
      </span>
    </Button>
  );
}
