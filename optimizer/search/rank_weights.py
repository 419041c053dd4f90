"""Recombination weights under noise: the expected weight of a candidate's rank, by a bootstrap over items.

"Depth over Fidelity" (arXiv 2606.06555) shows that a noisy ranking is better answered with expected rank weights than
with more evaluations. There they come from repeated evaluations; here every candidate has the scores of the same items,
so resampling the items costs nothing and keeps the pairing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.search.interface import FLOOR_PENALTY, Positions, Vector


@dataclass(frozen=True)
class Contest:
    """Scores of one generation's candidates on the items that any of them was scored on.

    Args:
        values: shape (candidates, items); anything finite where a candidate was not scored. Where candidates have
            different items, the difficulty of every item must have been taken out.
        seen: whether a candidate was scored on an item, shape (candidates, items). A row without any is an
            infeasible candidate, which ranks last.
        tasks: task index of every item, shape (items,).
        weights: of every task in the fitness, shape (tasks,).
        floors: least mean of every task, see ``interface.SearchItems``.
    """

    values: Vector
    seen: NDArray[np.bool_]
    tasks: Positions
    weights: Vector
    floors: Vector | None = None

    @property
    def fitness(self) -> Vector:
        """Fitness of every candidate on its own items, shape (candidates,); minus infinity where infeasible."""
        found: Vector = self._fitness(np.ones((1, len(self.tasks))))[0]
        return found

    def resampled(self, draws: int, random: np.random.Generator) -> Vector:
        """Return the fitness of every candidate on ``draws`` bootstrap samples of the items, (draws, candidates).

        All candidates meet the same sample of items in a draw. Items are drawn within their task.
        """
        counts = np.zeros((draws, len(self.tasks)))
        for task in np.unique(self.tasks):
            (here,) = np.nonzero(self.tasks == task)
            counts[:, here] = random.multinomial(len(here), np.full(len(here), 1 / len(here)), size=draws)
        return self._fitness(counts)

    def _fitness(self, counts: Vector) -> Vector:
        shape = (len(counts), len(self.values))
        total, shortfall, shares = np.zeros(shape), np.zeros(shape), np.zeros(len(self.values))
        for task in np.unique(self.tasks):
            here = self.tasks == task
            seen = self.seen[:, here].astype(np.float64)
            values = seen * self.values[:, here]
            number = seen.sum(axis=1)
            mass = counts[:, here] @ seen.T
            # A candidate with few items can miss them all in a draw: it then counts as its plain mean.
            plain = values.sum(axis=1) / np.maximum(number, 1)
            means = np.where(mass > 0, counts[:, here] @ values.T / np.maximum(mass, 1), plain)
            share = self.weights[task] * (number > 0)
            total += share * means
            shares += share
            if self.floors is not None and np.isfinite(self.floors[task]):
                shortfall += (number > 0) * np.maximum(self.floors[task] - means, 0)
        fitness: Vector = total / np.maximum(shares, 1e-300) - FLOOR_PENALTY * shortfall
        fitness[:, ~self.seen.any(axis=1)] = -np.inf
        return fitness


def rank_weights(fitness: Vector, by_rank: Vector) -> Vector:
    """Return the weight of every candidate by its rank; tied candidates share the weights of their ranks evenly.

    Args:
        fitness: larger is better, shape (candidates,).
        by_rank: weight of each rank, best first, shape (candidates,).
    """
    # Rounded, because equal scores summed in another order may differ in the last bit.
    _, place, counts = np.unique(-np.round(fitness, 12), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    sums = np.add.reduceat(by_rank, ends - counts)
    found: Vector = (sums / counts)[place]
    return found


def expected_rank_weights(resampled: Vector, by_rank: Vector) -> Vector:
    """Return the mean of ``rank_weights`` over bootstrap samples.

    Args:
        resampled: fitness on every sample, shape (draws, candidates).
        by_rank: weight of each rank, best first, shape (candidates,).
    """
    found: Vector = np.mean([rank_weights(fitness, by_rank) for fitness in resampled], axis=0)
    return found


def misranking(fitness: Vector, resampled: Vector) -> float:
    """Return how often a pair of candidates changes its order when the items are resampled; ties count half.

    0 means that the ranking is certain; pure noise gives about 1/4, because a resample still resembles its sample.
    1/2 where every candidate is tied.
    """
    first, second = np.triu_indices(len(fitness), 1)
    if len(first) == 0:
        return 0.0
    with np.errstate(invalid="ignore"):
        observed = np.sign(np.nan_to_num(np.round(fitness[first] - fitness[second], 12)))
        drawn = np.sign(np.nan_to_num(np.round(resampled[:, first] - resampled[:, second], 12)))
    return float(np.mean((1 - observed * drawn) / 2))
