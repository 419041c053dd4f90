import type { UseQueryResult } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import type { Generalisation } from "@/charts/gap/gaps";
import { count, difference, interval, score } from "@/format/numbers";
import { Answer } from "@/parts/Answer";
import { Card } from "@/parts/Card";
import { type Figure, Figures } from "@/parts/Figures";
import { Empty } from "@/parts/states";

type Scored = Schemas["Scored"];

const NAMES = { search: "Search items", selection: "Selection items", test: "Test items" } as const;
const SPLITS = ["search", "selection", "test"] as const;

/** The winner on each set of items, what is lost from one to the other, and how used the test items are. */
export function FreshItems({ query }: { query: UseQueryResult<Generalisation> }) {
  return (
    <Card
      id="fresh-items"
      title="What is left on fresh items"
      reading="The search chose the winner by its search items, which flatters it there. Test items were scored once, after every choice was made."
    >
      <Answer query={query} what="the winner's scores">
        {(data) =>
          data.gap === null ? (
            <Empty title="No winner yet">
              <p>
                The finalists meet on the selection items when the search ends, and the winner on the test
                items after that.
              </p>
            </Empty>
          ) : (
            <Figures figures={figuresOf(data)} />
          )
        }
      </Answer>
    </Card>
  );
}

export function figuresOf({ gap, test_uses }: Generalisation): Figure[] {
  const scores = gap as Partial<Record<(typeof SPLITS)[number], Scored>>;
  const figures: Figure[] = SPLITS.flatMap((split) => {
    const one = scores[split];
    if (one === undefined) return [];
    return [
      {
        name: NAMES[split],
        value: score(one.mean),
        note: `${interval(one.low, one.high)}, ${count(one.items)} items`,
      },
    ];
  });
  const held = scores.test ?? scores.selection;
  if (scores.search !== undefined && held !== undefined) {
    const lost = scores.search.mean - held.mean;
    const margin = Math.hypot((scores.search.high - scores.search.low) / 2, (held.high - held.low) / 2);
    figures.push({
      name: `Gap, search minus ${scores.test === undefined ? "selection" : "test"}`,
      value: difference(lost),
      note: lost > margin ? `more than noise (± ${score(margin)})` : `within noise (± ${score(margin)})`,
      tone: lost > margin ? "bad" : "good",
    });
  }
  if (test_uses !== null)
    figures.push({
      name: "Test items touched",
      value: `${count(test_uses)} ${test_uses === 1 ? "time" : "times"}`,
      note: test_uses > 1 ? "each more flatters the result" : "by this experiment only",
      tone: test_uses > 1 ? "warn" : "good",
    });
  return figures;
}
