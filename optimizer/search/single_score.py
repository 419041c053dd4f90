"""What all algorithms share that score a candidate once, on all items, and know nothing of single items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from optimizer.search.box import Box
from optimizer.search.interface import Proposal, Scores, SearchSetting, Vector
from optimizer.search.posterior import best_by_posterior

# Ranks below every real fitness, and finite because libraries stumble over infinities.
WORST_FITNESS = -1e9


class Asked(NamedTuple):
    """A point in standardized units, and the algorithm's own handle for it."""

    point: Vector
    token: Any


class NumberedSearch(ABC):
    """Base of the algorithms that score a candidate once, on block 0, which should hold all items.

    An algorithm implements :meth:`_ask` and ``tell``; the numbering of proposals is here.
    """

    def __init__(self, setting: SearchSetting) -> None:
        self.setting = setting
        self.box = Box.of(setting.coordinates)
        self._waiting: dict[int, Asked] = {}
        self._count = 0

    def ask(self) -> Proposal | None:
        """See ``Search.ask``."""
        asked = self._ask()
        if asked is None:
            return None
        number = self._count
        self._count += 1
        self._waiting[number] = asked
        return Proposal(number, asked.point)

    @abstractmethod
    def _ask(self) -> Asked | None:
        """Propose a point; None where the algorithm waits for tells or has ended."""

    def _take(self, proposal: Proposal) -> Asked:
        """Return what was asked, which is told now."""
        return self._waiting.pop(proposal.number)

    @property
    def _in_flight(self) -> int:
        return len(self._waiting)

    def _start(self) -> Vector:
        return np.zeros(self.setting.dimension) if self.setting.prior is None else self.setting.prior.mean


class SingleScoreSearch(NumberedSearch):
    """Base of the algorithms with one objective: an algorithm implements :meth:`_ask` and :meth:`_tell`."""

    def __init__(self, setting: SearchSetting) -> None:
        super().__init__(setting)
        self._points: list[Vector] = []
        self._fitness: list[float] = []

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """See ``Search.tell``."""
        asked = self._take(proposal)
        fitness = None if scores is None else self.setting.items.fitness(scores)
        if fitness is not None:
            self._points.append(asked.point)
            self._fitness.append(fitness)
        self._tell(asked, fitness)

    def center(self) -> Vector:
        """The best by a model of all scores, see :func:`best_by_posterior`; the start before any was scored."""
        if not self._points:
            return self._start()
        return best_by_posterior(np.array(self._points), self._fitness, self.box.fold)

    @abstractmethod
    def _tell(self, asked: Asked, fitness: float | None) -> None:
        """Learn the fitness (larger is better) of an asked point; None where it is infeasible."""

    def _infeasible_fitness(self) -> float:
        """A fitness that ranks below all so far, yet near them: algorithms that fit a model survive it."""
        if not self._fitness:
            return WORST_FITNESS
        worst, best = min(self._fitness), max(self._fitness)
        return worst - max(best - worst, 0.01)

    def _best_sample(self) -> Vector:
        """The point with the best score, which is a lucky one: only for baselines that report it."""
        return self._points[int(np.argmax(self._fitness))] if self._points else self._start()


def candidate_budget(setting: SearchSetting) -> int | None:
    """How many candidates can be scored on all items; None where the budget does not say."""
    if setting.item_evaluations is None:
        return None
    return max(1, setting.item_evaluations // setting.items.count)


def ranked_losses(fitness: Sequence[float | None]) -> list[float]:
    """Return the losses (smaller is better) of a generation, the infeasible ones behind all others."""
    feasible = [value for value in fitness if value is not None]
    worst = min(feasible, default=0.0)
    span = max(max(feasible, default=0.0) - worst, 1.0)
    return [-value if value is not None else span - worst for value in fitness]
