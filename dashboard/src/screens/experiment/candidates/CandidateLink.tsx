import { Link, useParams } from "@tanstack/react-router";
import { count } from "@/format/numbers";

/** A candidate of the experiment that is shown, by its number. */
export function CandidateLink({ number, children }: { number: number; children?: React.ReactNode }) {
  const { id } = useParams({ from: "/experiments/$id" });
  return (
    <Link to="/experiments/$id/candidates/$number" params={{ id, number: String(number) }} data-row>
      {children ?? count(number)}
    </Link>
  );
}
