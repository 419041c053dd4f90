import { Link } from "@tanstack/react-router";
import type { Schemas } from "@/api/client";
import { snapshot } from "@/api/snapshot";
import { difference, interval, score } from "@/format/numbers";
import { Card } from "@/parts/Card";
import { CopyButton } from "@/parts/CopyButton";
import { Empty, Loading } from "@/parts/states";
import { Table } from "@/parts/Table";
import { ReportMenu } from "./ReportMenu";
import { useVerdict } from "./useVerdict";
import styles from "./VerdictCard.module.css";
import { inWords, type Opponent, overall, type Standing, sentence, standing, type Verdict } from "./verdict";
import { Ruler, Whisker } from "./Whisker";

const SIGNS: Record<Standing, string> = { ahead: "▲", noise: "≈", behind: "▼" };

interface Props {
  experiment: Schemas["ExperimentDetail"];
  /** What happens now, for experiments that have nothing to show yet. */
  now: string | null;
}

/** Is the merge better than what it was made of? */
export function VerdictCard({ experiment, now }: Props) {
  const verdict = useVerdict(experiment);
  const winner = experiment.outcome?.winner;
  return (
    <Card
      title="Verdict"
      reading={
        verdict?.settled
          ? "Against the best parent and the best plain merge, on items that neither the search nor the choice has seen."
          : "How things stand on the search items. The best of many looks better there than it is; the verdict comes from untouched test items."
      }
      actions={
        <>
          {verdict ? <CopyButton text={sentence(verdict)}>Copy the sentence</CopyButton> : null}
          {verdict && snapshot === null ? <ReportMenu experiment={experiment.id} /> : null}
        </>
      }
    >
      {verdict === undefined ? <Loading what="the verdict" /> : null}
      {verdict === null ? <Nothing experiment={experiment} now={now} /> : null}
      {verdict ? (
        <div className={styles.verdict} data-standing={overall(verdict)}>
          <p className={styles.words}>
            <span className={styles.sign} aria-hidden="true">
              {SIGNS[overall(verdict)]}
            </span>
            {verdict.settled ? "" : "So far: "}
            {inWords(verdict)}
          </p>
          <p>{sentence(verdict)}</p>
          <Comparison verdict={verdict} />
          {winner ? (
            <p>
              The selection items chose{" "}
              <Link
                to="/experiments/$id/candidates/$number"
                params={{ id: experiment.id, number: String(winner.number) }}
              >
                {winner.label || `candidate ${winner.number}`}
              </Link>
              {winner.label && winner.label !== verdict.label && overall(verdict) !== "ahead"
                ? ": no searched merge did better there."
                : "."}
            </p>
          ) : null}
        </div>
      ) : null}
    </Card>
  );
}

function Nothing({ experiment, now }: Props) {
  if (experiment.progress.scored === 0)
    return <Empty title="No candidate has a score yet">{now ? <p>{now}</p> : null}</Empty>;
  return (
    <Empty title="There is no verdict">
      <p>Its scores could not be compared, or it has no test items.</p>
    </Empty>
  );
}

function Comparison({ verdict }: { verdict: Verdict }) {
  const scores = [verdict.score, ...verdict.opponents.map((one) => one.score)];
  const low = Math.floor(Math.min(...scores.map((one) => one.low)) * 10) / 10;
  const high = Math.ceil(Math.max(...scores.map((one) => one.high)) * 10) / 10;
  const scale = { low, high: high > low ? high : low + 0.1 };
  return (
    <Table caption="The merge and what it is compared with">
      <thead>
        <tr>
          <th scope="col">Model</th>
          <th scope="col" className={styles.chart}>
            <Ruler scale={scale} />
          </th>
          <th scope="col" data-number>
            Score (95 % interval)
          </th>
          <th scope="col" data-number>
            {verdict.settled ? "Merge" : "Best"} minus it
          </th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">
            {verdict.label}
            <span className={styles.role}>{verdict.settled ? "the merge" : "the best so far"}</span>
          </th>
          <td className={styles.chart}>
            <Whisker score={verdict.score} scale={scale} mark="merge" />
          </td>
          <td data-number>
            <b>{score(verdict.score.mean)}</b> ({interval(verdict.score.low, verdict.score.high)})
          </td>
          <td data-number>–</td>
        </tr>
        {verdict.opponents.map((one) => (
          <Row key={one.role} opponent={one} scale={scale} />
        ))}
      </tbody>
    </Table>
  );
}

function Row({ opponent, scale }: { opponent: Opponent; scale: { low: number; high: number } }) {
  const how = standing(opponent.gain, opponent.p);
  return (
    <tr>
      <th scope="row">
        {opponent.label}
        <span className={styles.role}>best {opponent.role}</span>
      </th>
      <td className={styles.chart}>
        <Whisker
          score={opponent.score}
          scale={scale}
          mark={opponent.role === "parent" ? "parent" : "plain"}
        />
      </td>
      <td data-number>
        {score(opponent.score.mean)} ({interval(opponent.score.low, opponent.score.high)})
      </td>
      <td data-number>
        {opponent.gain === null ? (
          "–"
        ) : (
          <>
            <span className={styles.sign} data-standing={how} aria-hidden="true">
              {SIGNS[how]}
            </span>{" "}
            <b>{difference(opponent.gain.difference)}</b> (
            {interval(opponent.gain.low, opponent.gain.high, difference)})
            {how === "noise" ? <span className={styles.role}>within noise</span> : null}
          </>
        )}
      </td>
    </tr>
  );
}
