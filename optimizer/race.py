"""The race of the finalists on the selection items, block by block, and who wins it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evomerge.errors import EvomergeError
from experiments.entities import Candidate
from experiments.states import CandidateKind, Split
from optimizer.constraints import Floor, breaches
from optimizer.dispatch import Dispatcher
from optimizer.finals import RACE_ERROR, choose_searched, drop_losers, lead
from optimizer.jobs import Work
from optimizer.journal import Journal
from optimizer.problem import Problem
from optimizer.search.blocks import cut_blocks, default_block_size
from optimizer.watch import Watch


@dataclass(frozen=True)
class Verdict:
    """Numbers of the winner and of the best searched merge (None where none could be scored)."""

    winner: int
    merge: int | None


class Race:
    """Scores finalists on one block of the selection items after the other and drops those that are clearly behind.

    Where trade-offs between tasks are searched nobody drops out, so that the front is known on the selection items too.

    Args:
        journal: the record.
        problem: names the selection items; without any, the search items decide.
        dispatcher: does the scoring.
        watch: is told.
        floors: what the winner must keep; the parents that they compare with race beside the finalists.
    """

    def __init__(
        self, journal: Journal, problem: Problem, dispatcher: Dispatcher, watch: Watch, floors: Sequence[Floor]
    ) -> None:
        self._journal = journal
        self._dispatcher = dispatcher
        self._watch = watch
        self._floors = floors
        self._split = Split.SELECTION if problem.items[Split.SELECTION] else Split.SEARCH
        self._table = journal.tables[self._split]
        self._seed = problem.search.seed
        # Who stands for a trade-off is not out of the race by being behind in the weighted mean.
        self._drops = problem.search.objectives == "weighted"
        # Whoever leads may yet turn out to break a constraint; a plain merge, which may not, stays to take its place.
        self._safe = {one.number for one in journal.of_kind(CandidateKind.BASELINE)} if floors else set()

    def run(self, finalists: Sequence[Candidate]) -> Verdict:
        """Race and record every decision.

        Raises:
            EvomergeError: no finalist could be scored on the selection items.
        """
        racing = [one.number for one in finalists]
        # They are scored anyway, and each keeps at least its own floor.
        racing += sorted({floor.reference for floor in self._floors} - {*racing})
        everyone = list(racing)
        if self._split is Split.SELECTION:
            racing = self._race(racing)
        failed = self._journal.failed[self._split]
        searched = [one.number for one in finalists if one.kind is not CandidateKind.BASELINE]
        surviving = [n for n in searched if n in racing]
        scored = surviving or [n for n in searched if n not in failed]
        merge = self._best_searched(surviving) if surviving else self._best(scored) if scored else None
        winner = self._best([n for n in racing if n == merge or n not in searched])
        self._journal.decide(
            "winner",
            {
                "number": winner,
                "split": self._split,
                "fitness": self._table.fitness(winner),
                "survivors": racing,
                "dropped": [n for n in everyone if n not in racing],
                "error_level": RACE_ERROR,
                "breaches": {str(n): found for n in racing if (found := breaches(self._floors, self._table, n))},
                "constraints_met": not breaches(self._floors, self._table, winner),
            },
        )
        return Verdict(winner, merge)

    def _race(self, racing: list[int]) -> list[int]:
        tasks = self._table.items.tasks
        self._table.frame(cut_blocks(tasks, default_block_size(tasks), self._seed))
        blocks = self._table.items.blocks
        self._watch.begin("selection", None)
        for look in range(len(blocks)):
            self._dispatcher.score(Work(n, self._split, look) for n in racing)
            racing = [n for n in racing if n not in self._journal.failed[self._split]]
            if not racing:
                raise EvomergeError("no finalist could be scored on the selection items")
            if self._drops and look + 1 < len(blocks) and len(racing) > 1:
                losers = self._losers(racing, look, len(blocks) - 1)
                for n, p in losers.items():
                    label = self._journal.candidates[n].label
                    self._watch.say(f"{label} is out of the race: behind the leader with p = {p:.2g}")
                racing = [n for n in racing if n not in losers]
        return racing

    def _losers(self, racing: Sequence[int], look: int, looks: int) -> dict[int, float]:
        """Decide who drops out after a look; a resumed race, which has items of later looks, keeps what was decided."""
        name = f"race_{look}"
        if name not in self._journal.decisions:
            found = drop_losers(self._table, racing, self._best(racing), looks=looks)
            self._journal.decide(name, {"dropped": {str(n): p for n, p in found.items() if n not in self._safe}})
        return {int(n): p for n, p in self._journal.decisions[name]["dropped"].items()}

    def _best_searched(self, surviving: Sequence[int]) -> int:
        if self._split is Split.SELECTION:
            return choose_searched(self._table, self._keeping(surviving))
        # Search items, of which each has other ones: there is nothing to pair.
        return self._best(surviving)

    def _best(self, numbers: Sequence[int]) -> int:
        """Return who is best of those that keep every floor, or of all where nobody does."""
        return lead(self._table, self._keeping(numbers))

    def _keeping(self, numbers: Sequence[int]) -> Sequence[int]:
        """Return those that keep every floor, or all where nobody does."""
        return [n for n in numbers if not breaches(self._floors, self._table, n)] or numbers
