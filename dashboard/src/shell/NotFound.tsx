import { Link } from "@tanstack/react-router";
import { Empty } from "@/parts/states";

export function NotFound() {
  return (
    <Empty title="There is no such page">
      <p>
        The address may be mistyped, or what it named is gone. <Link to="/experiments">All experiments</Link>
      </p>
    </Empty>
  );
}
