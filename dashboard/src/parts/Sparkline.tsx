import { score } from "@/format/numbers";
import { points } from "./course";
import styles from "./Sparkline.module.css";

const WIDTH = 96;
const HEIGHT = 28;

/** A course in the size of a word: its shape, and its first and last value for who cannot see it. */
export function Sparkline({ values, name }: { values: readonly (number | null)[]; name: string }) {
  const line = points(values, WIDTH, HEIGHT, 3);
  const [first] = line;
  const last = line.at(-1);
  if (first === undefined || last === undefined) return <span className={styles.none}>–</span>;
  return (
    <svg
      className={styles.sparkline}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${name}: from ${score(first.value)} to ${score(last.value)}`}
    >
      <polyline points={line.map(({ x, y }) => `${x},${y}`).join(" ")} />
      <circle cx={last.x} cy={last.y} r="2.5" />
    </svg>
  );
}
