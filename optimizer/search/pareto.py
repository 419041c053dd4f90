"""Several objectives: the archive of trade-offs between tasks, and how much they cover."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import moocore
import numpy as np

from optimizer.search.interface import FLOOR_PENALTY, Proposal, Scores, SearchItems, SearchSetting, Vector
from optimizer.search.single_score import Asked, NumberedSearch


@dataclass(frozen=True)
class Tradeoff:
    """A scored candidate.

    Args:
        number: of its proposal.
        point: shape (dimension,), standardized units.
        objectives: mean value of each task, larger is better, shape (objectives,).
        fitness: its weighted fitness.
    """

    number: int
    point: Vector
    objectives: Vector
    fitness: float


class ParetoArchive:
    """The candidates that no other candidate is better than on one task and as good as on all others."""

    def __init__(self) -> None:
        self.front: list[Tradeoff] = []

    def add(self, candidate: Tradeoff) -> bool:
        """Take a candidate in unless it is dominated or equal to one; return whether it was taken."""
        if any(bool(np.all(one.objectives >= candidate.objectives)) for one in self.front):
            return False
        self.front = [one for one in self.front if not np.all(candidate.objectives >= one.objectives)]
        self.front.append(candidate)
        return True

    def best(self) -> Tradeoff | None:
        """The trade-off with the best weighted fitness, the earliest of several; None in an empty archive."""
        return max(self.front, key=lambda one: (one.fitness, -one.number), default=None)

    def hypervolume(self, reference: Vector) -> float:
        """Volume that the front dominates above a reference point, such as the base model's scores."""
        if not self.front:
            return 0.0
        return hypervolume(np.array([one.objectives for one in self.front]), reference)


class ParetoSearch(NumberedSearch):
    """Base of the algorithms that see every task's mean as an objective of its own.

    A candidate below a floor pays the floors' penalty in every objective. An algorithm implements :meth:`_ask` and
    :meth:`_tell`.
    """

    def __init__(self, setting: SearchSetting) -> None:
        super().__init__(setting)
        self.archive = ParetoArchive()
        self.tasks = np.unique(setting.items.tasks)
        self._lowest = np.full(len(self.tasks), np.inf)
        self._highest = np.full(len(self.tasks), -np.inf)

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """See ``Search.tell``."""
        asked = self._take(proposal)
        if scores is None:
            self._tell(asked, None)
            return
        values = objectives(self.setting.items, scores)[self.tasks]
        self._lowest = np.minimum(self._lowest, values)
        self._highest = np.maximum(self._highest, values)
        self.archive.add(Tradeoff(proposal.number, asked.point, values, self.setting.items.fitness(scores)))
        self._tell(asked, values)

    def center(self) -> Vector:
        """Point of the archive with the best weighted fitness; the start before any was scored.

        An archive of noisy scores flatters its members: the choice between them belongs to the selection split.
        """
        best = self.archive.best()
        return self._start() if best is None else best.point

    @abstractmethod
    def _tell(self, asked: Asked, objectives: Vector | None) -> None:
        """Learn the objectives (larger is better) of an asked point; None where it is infeasible."""

    def _infeasible_objectives(self) -> Vector:
        """Objectives that every candidate so far dominates; needs one."""
        found: Vector = self._lowest - np.maximum(self._highest - self._lowest, 0.01)
        return found


def objectives(items: SearchItems, scores: Scores) -> Vector:
    """Return the mean value of every task less the floors' penalty, shape (t,); NaN where none was scored."""
    means = items.task_means(scores)
    found: Vector = means - FLOOR_PENALTY * items.shortfall(means)
    return found


def hypervolume(points: Vector, reference: Vector) -> float:
    """Return the exact volume that points dominate above a reference point, by moocore (Fonseca et al., CEC 2006).

    Args:
        points: shape (n, objectives), larger is better.
        reference: shape (objectives,); points that are not better than it everywhere count for nothing.
    """
    return float(moocore.hypervolume(points, ref=reference, maximise=True))
