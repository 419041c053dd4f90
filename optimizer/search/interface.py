"""What the driver and a search algorithm say to each other: points one way, scores of single items the other.

Every algorithm works in a standardized space: 0 is the genome's starting point and 1 is one initial step in that
coordinate. An algorithm knows the search items by their position, which task each belongs to, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Parameters that published settings treat in their own ways.
WEIGHT, DENSITY = "weight", "density"

Vector = NDArray[np.float64]
Positions = NDArray[np.intp]

# A point below a task's floor costs as much as ten points of fitness: more than falling by it can buy on other tasks
# unless their scores move ten times as fast.
FLOOR_PENALTY = 10.0


@dataclass(frozen=True)
class SearchItems:
    """The search items as an algorithm sees them.

    Args:
        tasks: task index of every item, shape (n,).
        weights: weight of every task, shape (t,); only ratios matter.
        blocks: positions of the items of each block; the blocks are disjoint, hold every item, and each has
            its share of every task. One block where candidates are scored on all items at once.
        floors: least mean value of every task, shape (t,), NaN where a task has none; None = no floors.
    """

    tasks: Positions
    weights: Vector
    blocks: tuple[Positions, ...]
    floors: Vector | None = None

    @property
    def count(self) -> int:
        """Number of items."""
        return len(self.tasks)

    def item_weights(self, positions: Positions) -> Vector:
        """Return the weight of each of some items in their fitness, shape (m,), summing to 1.

        Every task that occurs among the items has its own share, spread evenly over its items.
        """
        counts = np.bincount(self.tasks[positions], minlength=len(self.weights))
        present = np.where(counts > 0, self.weights, 0.0)
        per_item = present / present.sum() / np.maximum(counts, 1)
        found: Vector = per_item[self.tasks[positions]]
        return found

    def task_means(self, scores: Scores) -> Vector:
        """Return the mean value of the scored items of each task, shape (t,); NaN where none was scored."""
        tasks = self.tasks[scores.positions]
        counts = np.bincount(tasks, minlength=len(self.weights))
        sums = np.bincount(tasks, weights=scores.values, minlength=len(self.weights))
        means: Vector = np.divide(sums, counts, out=np.full(len(self.weights), np.nan), where=counts > 0)
        return means

    def shortfall(self, task_means: Vector) -> float:
        """Return by how much the tasks are below their floors, summed; 0 where every floor holds.

        Args:
            task_means: shape (t,), see :meth:`task_means`; a task without a mean breaks no floor.
        """
        if self.floors is None:
            return 0.0
        return float(np.nansum(np.maximum(self.floors - task_means, 0.0)))

    def satisfies(self, task_means: Vector) -> bool:
        """Return whether every floor holds, see :meth:`shortfall`."""
        return self.shortfall(task_means) == 0.0

    def fitness(self, scores: Scores) -> float:
        """Return the weighted mean over tasks of the mean value of the scored items, less the floors' penalty.

        The penalty is ``FLOOR_PENALTY`` times the shortfall: linear, so that it is exact (a candidate on the floor
        pays nothing, and one below it loses more than it can win elsewhere), and felt however small the breach.
        """
        value = float(self.item_weights(scores.positions) @ scores.values)
        return value - FLOOR_PENALTY * self.shortfall(self.task_means(scores)) if self.floors is not None else value


@dataclass(frozen=True)
class Scores:
    """How one candidate did on some search items.

    Args:
        positions: of the items, shape (m,).
        values: what each item adds to the fitness, larger being better, shape (m,): its score plus the
            reference term (see ``evals.fitness``).
    """

    positions: Positions
    values: Vector


@dataclass(frozen=True)
class Proposal:
    """What the search wants scored next.

    Args:
        number: counts the search's candidates from 0 in the order of their first proposal; a number that was
            proposed before asks for another block of the same candidate.
        point: of the candidate, shape (dimension,), standardized units.
        block: index of the block of items to score it on.
    """

    number: int
    point: Vector
    block: int = 0


@dataclass(frozen=True)
class Prior:
    """Where good points are expected before anything is scored, in standardized units.

    Args:
        mean: shape (dimension,).
        factor: ``L`` with ``L @ L.T`` the covariance, shape (dimension, dimension); a point is ``mean + L @ z``.
        source: what it was made from, for people.
    """

    mean: Vector
    factor: Vector
    source: str


class Search(Protocol):
    """What the driver needs of an algorithm; deterministic given its seed and the order of asks and tells."""

    def ask(self) -> Proposal | None:
        """Propose what to score next; None while there is nothing to propose, or ever again."""
        ...

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """Report the scores of a proposal's block; None means that the candidate is infeasible.

        Tells may come in another order than the asks. No proposal is told twice.
        """
        ...

    def center(self) -> Vector:
        """The point the algorithm would bet on: never merely the best noisy sample where it keeps a mean."""
        ...


@dataclass(frozen=True)
class Coordinate:
    """One coordinate of the search space in the units of its scale: for a linear one, of the coefficient itself.

    Args:
        parameter: name of the operator's parameter.
        model: the expert whose coefficient it is; None for one of the whole merge.
        init: value at standardized 0.
        step: change of value at standardized 1.
        low, high: the parameter's range; points outside are reflected back inside.
    """

    parameter: str
    model: str | None
    init: float
    step: float
    low: float
    high: float


def standardized(coordinates: tuple[Coordinate, ...], values: Vector) -> Vector:
    """Return the point whose coefficients are ``values``, shape (dimension,)."""
    return np.array([(value - one.init) / one.step for one, value in zip(coordinates, values, strict=True)])


@dataclass(frozen=True)
class SearchSetting:
    """What every algorithm is built from.

    Args:
        coordinates: one for each dimension of a point.
        items: the search items.
        seed: of every random choice.
        item_evaluations: budget in scored items (candidates times items); None where it is not known.
        workers: proposals that are scored at the same time.
        prior: where to start; None starts at 0 with one step in every coordinate.
    """

    coordinates: tuple[Coordinate, ...]
    items: SearchItems
    seed: int
    item_evaluations: int | None
    workers: int
    prior: Prior | None = None

    @property
    def dimension(self) -> int:
        """Number of coordinates of a point."""
        return len(self.coordinates)
