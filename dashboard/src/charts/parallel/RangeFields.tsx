import { useState } from "react";
import { Button } from "@/parts/Button";
import { Picker } from "@/parts/Picker";
import { type AxisKey, brushText, type Range } from "./brush";
import { axesOf, type ParallelData, rangeText } from "./drawing";
import styles from "./parallel.module.css";

interface Props {
  data: ParallelData;
  ranges: readonly Range[];
  setBrush: (brush: string | undefined) => void;
}

/** The chosen ranges, and fields that choose one without a pointer. */
export function RangeFields({ data, ranges, setBrush }: Props) {
  const [axis, setAxis] = useState<AxisKey>("fitness");
  const [low, setLow] = useState("");
  const [high, setHigh] = useState("");
  const valid = low !== "" && high !== "" && Number(low) <= Number(high);
  return (
    <div className={styles.ranges}>
      {ranges.length === 0 ? null : (
        <ul aria-label="Chosen ranges">
          {ranges.map((range) => (
            <li key={brushText([range])}>
              {rangeText(data.genes, range)}
              <button
                type="button"
                aria-label={`Remove ${rangeText(data.genes, range)}`}
                onClick={() => setBrush(brushText(ranges.filter((one) => one !== range)))}
              >
                ✕
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!valid) return;
          setBrush(
            brushText([
              ...ranges.filter((one) => one.axis !== axis),
              { axis, low: Number(low), high: Number(high) },
            ]),
          );
          setLow("");
          setHigh("");
        }}
      >
        <Picker
          label="Choose a range of"
          value={String(axis)}
          onChange={(next) => setAxis(next === "fitness" ? next : Number(next))}
        >
          <option value="fitness">fitness</option>
          {axesOf(data).map(({ gene }) => (
            <option key={gene} value={gene}>
              {data.genes[gene]?.label}
            </option>
          ))}
        </Picker>
        <label>
          from <input type="number" step="any" value={low} onChange={(event) => setLow(event.target.value)} />
        </label>
        <label>
          to <input type="number" step="any" value={high} onChange={(event) => setHigh(event.target.value)} />
        </label>
        <Button type="submit" disabled={!valid}>
          Choose
        </Button>
      </form>
    </div>
  );
}
