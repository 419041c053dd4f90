"""Statistics over runs: expected running time, paired tests, rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Vector = NDArray[np.float64]
DRAWS = 2000
LEVEL = 0.05


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % bootstrap interval; infinite where no run succeeded."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """One arm against another on the same seeds.

    Args:
        difference: mean of first less second.
        low, high: its 95 % bootstrap interval.
        p_value: two-sided Wilcoxon signed-rank test; 1 where all pairs are equal.
        wins: seeds on which the first is larger.
        losses: seeds on which the first is smaller.
    """

    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    losses: int


def expected_cost(costs: Sequence[int | None], spent: Sequence[int]) -> float:
    """Return the expected running time (ERT): all that was spent before success, for each success.

    A run that reached its target spent its cost, one that did not spent everything (Hansen et al., arXiv 1603.08785).

    Args:
        costs: until the target was reached; None where it never was.
        spent: of the whole run.
    """
    successes = sum(cost is not None for cost in costs)
    if successes == 0:
        return float("inf")
    return sum(whole if cost is None else cost for cost, whole in zip(costs, spent, strict=True)) / successes


def expected_cost_interval(costs: Sequence[int | None], spent: Sequence[int], seed: int = 0) -> Interval:
    """Return the expected running time with its bootstrap interval over runs."""
    random = np.random.default_rng(seed)
    draws = [
        expected_cost([costs[i] for i in chosen], [spent[i] for i in chosen])
        for chosen in random.integers(0, len(costs), (DRAWS // 4, len(costs)))
    ]
    # Infinite draws are larger than all others; interpolating between two of them would not be a number.
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
    return Interval(expected_cost(costs, spent), float(low), float(high))


def cost_ratio(
    first: tuple[Sequence[int | None], Sequence[int]], second: tuple[Sequence[int | None], Sequence[int]], seed: int = 0
) -> Interval:
    """Return the ratio of two arms' expected running times, with its paired bootstrap interval over seeds.

    Not a number where neither ever reached the target.
    """
    random = np.random.default_rng(seed)
    count = len(first[0])

    def ratio(chosen: Sequence[int]) -> float:
        above, below = (
            expected_cost([costs[i] for i in chosen], [spent[i] for i in chosen]) for costs, spent in (first, second)
        )
        if np.isinf(above) and np.isinf(below):
            return float("nan")
        return above / below

    draws = np.array([ratio(list(chosen)) for chosen in random.integers(0, count, (DRAWS // 4, count))])
    draws = draws[~np.isnan(draws)]
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest") if len(draws) else (float("nan"), float("nan"))
    return Interval(ratio(range(count)), float(low), float(high))


def paired(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Paired:
    """Compare two arms seed by seed."""
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    random = np.random.default_rng(seed)
    means = differences[random.integers(0, len(differences), (DRAWS, len(differences)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    p_value = 1.0 if not differences.any() else float(stats.wilcoxon(differences).pvalue)
    return Paired(
        float(differences.mean()),
        float(low),
        float(high),
        p_value,
        int(np.sum(differences > 0)),
        int(np.sum(differences < 0)),
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return the p-values adjusted for that many comparisons (Holm 1979)."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(ordered):
        largest = max(largest, min(1.0, (len(ordered) - place) * p_values[name]))
        adjusted[name] = largest
    return adjusted


def overtuning(final: Sequence[float], best_seed: Sequence[float]) -> float:
    """Return the share of runs whose result is truly worse than the best seed (arXiv 2506.19540)."""
    return float(np.mean([end < start - 1e-12 for end, start in zip(final, best_seed, strict=True)]))
