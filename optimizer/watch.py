"""Turns what the driver does into progress that a person can follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from evals.statistics import aggregate_interval
from experiments.entities import Candidate
from experiments.states import Split
from optimizer.progress import Phase, RunProgress, Standing
from optimizer.tables import SplitTable

Observer = Callable[[RunProgress], None]


class Watch:
    """Keeps the standings on the search items and the pace; reports every change to an observer.

    ``parents`` are the candidate numbers of base and experts.
    """

    def __init__(self, name: str, weights: Mapping[str, float], parents: Iterable[int], observer: Observer) -> None:
        self._name = name
        self._weights = weights
        self._parents = frozenset(parents)
        self._observer = observer
        self._best: tuple[tuple[float, float], Standing] | None = None
        self._best_parent: tuple[tuple[float, float], Standing] | None = None
        self._notes: list[str] = []
        self._phase: Phase = "starting"
        self._done = self._done_before = 0
        self._total = 0
        self._since: float | None = None
        self._message = "starting the engine"

    def remember(self, candidate: Candidate, table: SplitTable) -> None:
        """Take what is recorded of a candidate's search items into the standings.

        Candidates with few items can be far up by luck, so the order is that of the intervals' lower ends.
        """
        found = aggregate_interval(table.by_task(candidate.number), self._weights)
        standing = Standing(candidate.label, found.mean, found.low, found.high)
        rank = (found.low, table.fitness(candidate.number))
        if self._best is None or rank > self._best[0] or self._best[1].label == candidate.label:
            self._best = (rank, standing)
        if candidate.number in self._parents and (self._best_parent is None or rank > self._best_parent[0]):
            self._best_parent = (rank, standing)

    def begin(self, phase: Phase, total: int | None, done: int = 0) -> None:
        """Start a phase of ``total`` scored items (None: not known), of which ``done`` are there already."""
        self._phase, self._total = phase, total or 0
        self._done = self._done_before = done
        self._since = None
        self._report()

    def scored(self, candidate: Candidate, split: Split, table: SplitTable, items: int) -> None:
        """Report that some items of a candidate are scored."""
        if split is Split.SEARCH:
            self.remember(candidate, table)
        fitness = table.fitness(candidate.number)
        self._ended(f"{candidate.label} has {fitness:.4f} on {_shown(candidate, split, table)}", items)

    def failed(self, label: str, reason: str, items: int) -> None:
        """Report that a candidate cannot be scored on some items."""
        self._ended(f"{label} is infeasible: {reason}", items)

    def note(self, text: str) -> None:
        """Report a decision that should stay in sight."""
        self._notes.append(text)
        self._report()

    def say(self, message: str) -> None:
        """Report something worth a line."""
        self._message = message
        self._report()

    def _ended(self, message: str, items: int) -> None:
        self._done += items
        self.say(message)
        # The pace is measured from the first result on: what comes before is the engine's start.
        if self._since is None:
            self._since, self._done_before = time.monotonic(), self._done

    def _report(self) -> None:
        notes, self._notes = tuple(self._notes), []
        pace = self._pace_per_s()
        left = max(self._total - self._done, 0)
        self._observer(
            RunProgress(
                experiment=self._name,
                phase=self._phase,
                done=self._done,
                total=self._total,
                best=None if self._best is None else self._best[1],
                best_parent=None if self._best_parent is None else self._best_parent[1],
                per_minute=None if pace is None else 60 * pace,
                eta_s=None if not pace or not self._total else left / pace,
                message=self._message,
                notes=notes,
            )
        )

    def _pace_per_s(self) -> float | None:
        count = self._done - self._done_before
        if self._since is None or count == 0:
            return None
        return count / max(time.monotonic() - self._since, 1e-9)


def _shown(candidate: Candidate, split: Split, table: SplitTable) -> str:
    seen, count = len(table.scores(candidate.number).positions), table.items.count
    return f"the {split.value} items" if seen == count else f"{seen} of {count} {split.value} items"
