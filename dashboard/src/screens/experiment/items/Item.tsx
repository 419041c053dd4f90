import { memo } from "react";
import type { Schemas } from "@/api/client";
import { difference, score } from "@/format/numbers";
import { compare } from "./difference";
import styles from "./Item.module.css";

type Row = Schemas["ItemComparison"];
type Result = Schemas["ItemResult"];

interface Props {
  item: Row;
  nameOf: (number: number) => string;
}

/** One item: what was asked, the right answer, and what each candidate made of it. */
export function Item({ item, nameOf }: Props) {
  const [own, ...others] = item.results;
  return (
    <li className={styles.item}>
      <header className={styles.head}>
        <h3>
          {item.task} <code>{item.item}</code>
        </h3>
        <Outcome by={item.difference} />
      </header>
      {item.prompt === null ? null : <Text name="Prompt" text={item.prompt} />}
      {item.choices === null ? null : (
        <Text name="Choices" text={item.choices.map((one, i) => `${i + 1}. ${one}`).join("\n")} />
      )}
      {item.reference === null ? null : <Text name="Reference" text={item.reference} />}
      {item.truncated ? <p className={styles.cut}>Long texts are kept in part.</p> : null}
      <div className={styles.results}>
        {own ? <Answer result={own} name={nameOf(own.number)} /> : null}
        {others.map((one) => (
          <Answer key={one.number} result={one} name={nameOf(one.number)} versus={own?.output ?? null} />
        ))}
      </div>
    </li>
  );
}

function Outcome({ by }: { by: number | null }) {
  if (by === null) return null;
  const how = by > 0 ? "win" : by < 0 ? "loss" : "tie";
  return (
    <span className={styles.outcome} data-how={how}>
      <span aria-hidden="true">{how === "win" ? "▲" : how === "loss" ? "▼" : "="}</span> {how}
      {how === "tie" ? "" : ` ${difference(by)}`}
    </span>
  );
}

function Text({ name, text }: { name: string; text: string }) {
  return (
    <div className={styles.text}>
      <h4>{name}</h4>
      <p>{text}</p>
    </div>
  );
}

interface AnswerProps {
  result: Result;
  name: string;
  /** The text whose differences are marked; null for none. */
  versus?: string | null;
}

function Answer({ result, name, versus = null }: AnswerProps) {
  const sign = result.score >= 1 ? "✓" : result.score <= 0 ? "✕" : "~";
  return (
    <div className={styles.text}>
      <h4>
        {name}{" "}
        <span className={styles.score} data-good={result.score >= 1}>
          <span aria-hidden="true">{sign}</span> {score(result.score)}
        </span>
        {result.reference_logprob === null ? null : (
          <span className={styles.logprob}> answer {score(result.reference_logprob)} nats</span>
        )}
      </h4>
      {result.output === null ? null : (
        <p>
          <Marked text={result.output} versus={versus} />
        </p>
      )}
    </div>
  );
}

/** A text; what another one does not have is marked. */
const Marked = memo(function Marked({ text, versus }: { text: string; versus: string | null }) {
  if (text === "") return <i>empty</i>;
  if (versus === null) return text;
  return compare(text, versus).map((part, i) =>
    part.own ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text keep their places
      <mark key={i} className={styles.own}>
        {part.text}
      </mark>
    ) : (
      part.text
    ),
  );
});
