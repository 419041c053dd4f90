"""Turns what the driver does into progress that a person can follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from evals.statistics import aggregate_interval
from evals.tasks import ItemScore
from experiments.entities import Candidate
from experiments.states import Split
from optimizer.progress import Phase, RunProgress, Standing

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
        self._best: tuple[float, Standing] | None = None
        self._best_parent: tuple[float, Standing] | None = None
        self._phase: Phase = "starting"
        self._done = self._done_before = 0
        self._total = 0
        self._since: float | None = None
        self._message = "starting the engine"

    def remember(self, candidate: Candidate, items: Iterable[ItemScore], fitness: float) -> None:
        """Take a recorded search evaluation into the standings."""
        by_task: dict[str, list[float]] = {}
        for item in items:
            by_task.setdefault(item.task, []).append(item.score)
        found = aggregate_interval(by_task, self._weights)
        standing = Standing(candidate.label, found.mean, found.low, found.high)
        if self._best is None or fitness > self._best[0]:
            self._best = (fitness, standing)
        is_parent = candidate.number in self._parents
        if is_parent and (self._best_parent is None or fitness > self._best_parent[0]):
            self._best_parent = (fitness, standing)

    def begin(self, phase: Phase, total: int | None, done: int = 0) -> None:
        """Start a phase of ``total`` evaluations (None: not known), of which ``done`` are over already."""
        self._phase, self._total = phase, total or 0
        self._done = self._done_before = done
        self._since = None
        self._report()

    def scored(self, candidate: Candidate, split: Split, items: Iterable[ItemScore], fitness: float) -> None:
        """Report a finished evaluation."""
        if split is Split.SEARCH:
            self.remember(candidate, items, fitness)
        self._done += 1
        self.say(f"{candidate.label} scored {fitness:.4f} on the {split.value} items")
        # The pace is measured from the first result on: what comes before is the engine's start.
        if self._since is None:
            self._since, self._done_before = time.monotonic(), self._done

    def say(self, message: str) -> None:
        """Report something worth a line."""
        self._message = message
        self._report()

    def _report(self) -> None:
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
            )
        )

    def _pace_per_s(self) -> float | None:
        count = self._done - self._done_before
        if self._since is None or count == 0:
            return None
        return count / max(time.monotonic() - self._since, 1e-9)
