import { coefficient } from "@/format/numbers";
import styles from "./Profile.module.css";

interface Props {
  values: readonly number[];
  /** The scale that all rows share; it holds zero. */
  low: number;
  high: number;
  slots: readonly string[];
}

const WIDTH = 240;
const HEIGHT = 32;

/** The values of a parameter from the first to the last part of the model, as bars on zero. */
export function Profile({ values, low, high, slots }: Props) {
  const y = (value: number) => HEIGHT - ((value - low) / (high - low || 1)) * HEIGHT;
  const step = WIDTH / values.length;
  const words = values.map((value, i) => `${slots[i] ?? i + 1}: ${coefficient(value)}`).join("\n");
  return (
    <svg
      className={styles.profile}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${values.length} values: ${values.map(coefficient).join(", ")}`}
    >
      <title>{words}</title>
      {values.map((value, i) => (
        <rect
          // biome-ignore lint/suspicious/noArrayIndexKey: parts of the model keep their places
          key={i}
          x={i * step + step * 0.1}
          width={step * 0.8}
          y={Math.min(y(value), y(0))}
          height={Math.max(Math.abs(y(value) - y(0)), 0.5)}
          className={value < 0 ? styles.below : styles.above}
        />
      ))}
      <line x1={0} x2={WIDTH} y1={y(0)} y2={y(0)} />
    </svg>
  );
}
