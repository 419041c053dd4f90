"""Recombination weights under noise: the expected weight of a candidate's rank, by a bootstrap over items.

"Depth over Fidelity" (arXiv 2606.06555) shows that a noisy ranking is better answered with expected rank weights than
with more evaluations. There they come from repeated evaluations; here every candidate has the scores of the same items,
so resampling the items costs nothing and keeps the pairing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.search.interface import Vector


@dataclass(frozen=True)
class Contest:
    """Scores of one generation's candidates on the items that any of them was scored on.

    Args:
        values: shape (candidates, items); anything finite where a candidate was not scored. Where candidates have
            different items, the difficulty of every item must have been taken out.
        weights: of each item in each candidate's fitness, shape (candidates, items); 0 where it was not scored. A row
            of zeros is an infeasible candidate, which ranks last.
    """

    values: Vector
    weights: Vector

    @property
    def fitness(self) -> Vector:
        """Weighted mean of every candidate, shape (candidates,); minus infinity where infeasible."""
        return self._means(np.ones((1, self.values.shape[1])))[0]

    def resampled(self, draws: int, random: np.random.Generator) -> Vector:
        """Return the fitness of every candidate on ``draws`` bootstrap samples of the items, (draws, candidates).

        All candidates meet the same sample of items in a draw.
        """
        items = self.values.shape[1]
        counts = random.multinomial(items, np.full(items, 1 / items), size=draws)
        return self._means(counts.astype(np.float64))

    def _means(self, counts: Vector) -> Vector:
        mass = counts @ self.weights.T
        sums = counts @ (self.weights * self.values).T
        # A candidate with few items can miss them all in a draw: it then counts as its plain mean.
        plain = np.sum(self.weights * self.values, axis=1) / np.maximum(np.sum(self.weights, axis=1), 1e-300)
        means: Vector = np.where(mass > 0, sums / np.where(mass > 0, mass, 1.0), plain)
        means[:, np.sum(self.weights, axis=1) == 0] = -np.inf
        return means


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
