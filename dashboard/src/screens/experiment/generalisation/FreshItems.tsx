import type { UseQueryResult } from "@tanstack/react-query";
import type { Candidate, Generalisation } from "@/charts/gap/gaps";
import { count, difference, interval, score } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { type Figure, Figures } from "@/parts/Figures";
import { Empty } from "@/parts/states";

const NAMES = { search: "Search items", selection: "Selection items", test: "Test items" } as const;
const SPLITS = ["search", "selection", "test"] as const;

interface Props {
  query: UseQueryResult<Generalisation>;
  /** Number of the chosen candidate; null before there is one. */
  winner: number | null;
}

/** The winner on each set of items, what is lost from one to the other, and how used the test items are. */
export function FreshItems({ query, winner }: Props) {
  return (
    <Card
      id="fresh-items"
      title="What is left on fresh items"
      reading="The search chose the winner by its search items, which flatters it there. Test items were scored once, after every choice was made."
    >
      <Answer query={query} what="the winner's scores">
        {(data) => {
          const chosen = data.candidates.find((one) => one.number === winner);
          return chosen === undefined ? (
            <Empty title="No winner yet">
              <p>
                The finalists meet on the selection items when the search ends, and the winner on the test
                items after that.
              </p>
            </Empty>
          ) : (
            <Figures figures={figuresOf(chosen, data.test_uses)} />
          );
        }}
      </Answer>
    </Card>
  );
}

export function figuresOf(scores: Candidate, testUses: number | null): Figure[] {
  const figures: Figure[] = SPLITS.flatMap((split) => {
    const one = scores[split];
    if (one === null) return [];
    return [
      {
        name: NAMES[split],
        value: score(one.mean),
        note: `${interval(one.low, one.high)}, ${count(one.items)} items`,
      },
    ];
  });
  const held = scores.test ?? scores.selection;
  if (scores.search !== null && held !== null) {
    const lost = scores.search.mean - held.mean;
    const margin = Math.hypot((scores.search.high - scores.search.low) / 2, (held.high - held.low) / 2);
    figures.push({
      name: `Gap, search minus ${scores.test === null ? "selection" : "test"}`,
      value: difference(lost),
      note: lost > margin ? `more than noise (± ${score(margin)})` : `within noise (± ${score(margin)})`,
      tone: lost > margin ? "bad" : "good",
    });
  }
  if (testUses !== null)
    figures.push({
      name: "Test items touched",
      value: `${count(testUses)} ${testUses === 1 ? "time" : "times"}`,
      note: testUses > 1 ? "each more flatters the result" : "by this experiment only",
      tone: testUses > 1 ? "warn" : "good",
    });
  return figures;
}
