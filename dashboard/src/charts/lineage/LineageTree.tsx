import { Link } from "@tanstack/react-router";
import { snapshot } from "@/api/snapshot";
import { ROOT } from "@/root";
import styles from "./LineageTree.module.css";
import { type Branch, type Lineage, type Node, trees } from "./layout";

/** Candidates have a page; files of the API do not. */
export const candidateOf = (node: Node): string | null =>
  node.href?.match(/\/candidates\/(\d+)$/)?.[1] ?? null;

/** The lineage in words: what was made last, and below it what it is made of. */
export function LineageTree({ experiment, data }: { experiment: string; data: Lineage }) {
  return (
    <ul className={styles.tree}>
      {trees(data).map((branch) => (
        <Twig key={branch.node.id} experiment={experiment} branch={branch} />
      ))}
    </ul>
  );
}

function Twig({ experiment, branch: { node, label, parts } }: { experiment: string; branch: Branch }) {
  return (
    <li>
      <Name experiment={experiment} node={node} /> <span className={styles.label}>{node.kind}</span>
      {label ? <span className={styles.label}>, {label}</span> : null}
      <div className={styles.detail}>{node.detail}</div>
      {parts.length > 0 ? (
        <ul>
          {parts.map((part) => (
            <Twig key={part.node.id} experiment={experiment} branch={part} />
          ))}
        </ul>
      ) : null}
    </li>
  );
}

function Name({ experiment, node }: { experiment: string; node: Node }) {
  const number = candidateOf(node);
  if (number !== null)
    return (
      <Link to="/experiments/$id/candidates/$number" params={{ id: experiment, number }}>
        {node.label}
      </Link>
    );
  if (node.href !== null && snapshot === null) return <a href={`${ROOT}${node.href}`}>{node.label}</a>;
  return <strong>{node.label}</strong>;
}
