import { Link } from "@tanstack/react-router";
import { PageHead } from "@/parts/PageHead";

export function NotFound() {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>
        The address may be mistyped, or what it named is gone. <Link to="/experiments">All experiments</Link>
      </p>
    </>
  );
}
