"""Intervals and tests for per-item scores: what a difference on a few hundred items can and cannot show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evals.tasks import ItemRef, ItemScore
from evomerge.errors import InvalidInput

CONFIDENCE = 0.95
# Draws are made in blocks so that thousands of items do not need gigabytes.
BLOCK_VALUES = 2_000_000
# What sums over items are off by at most, for each of them.
_ROUNDING = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedComparison:
    """Two models on the same items.

    Attributes:
        difference: weighted mean of a's score minus b's.
        low: lower end of the difference's 95 % bootstrap interval.
        high: upper end of it.
        p_value: two-sided sign-flip permutation test of no difference.
        n: items.
        wins: items where a scores higher.
        losses: items where b scores higher.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n: int
    wins: int
    losses: int


def by_item(scores: Iterable[ItemScore]) -> dict[ItemRef, float]:
    """Return the score of every item, keyed by task and item."""
    return {ItemRef(score.task, score.item): score.score for score in scores}


def interval(scores: Sequence[float]) -> Interval:
    """Return the mean of one task's item scores with its 95 % interval.

    Scores that are all 0 or 1 get Wilson's interval, which stays honest near 0 and 1. Others get Student's t
    interval: exact for normal means, which a hundred items are close to, and free of random numbers; it is cut to 0
    and 1 where the scores lie between these. Equal scores that are not 0 or 1 give an interval of no width, since
    they show no spread to judge by.

    Raises:
        InvalidInput: no scores.
    """
    if not scores:
        raise InvalidInput("scores", "there are none", "score at least one item")
    values = np.asarray(scores, dtype=np.float64)
    if np.isin(values, (0.0, 1.0)).all():
        return _wilson(int(values.sum()), len(values))
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return _student(float(values.mean()), spread, len(values), cut=bool(((values >= 0) & (values <= 1)).all()))


def summed_interval(n: int, total: float, squares: float, *, binary: bool) -> Interval:
    """Return what ``interval`` returns of n scores from their sum and the sum of their squares.

    Scores are taken to lie between 0 and 1 where the sum of their squares is no more than their sum, as it is then.

    Args:
        n: how many.
        total: their sum.
        squares: the sum of their squares.
        binary: whether all of them are 0 or 1.

    Raises:
        InvalidInput: no scores.
    """
    if not n:
        raise InvalidInput("scores", "there are none", "score at least one item")
    if binary:
        return _wilson(round(total), n)
    return _student(total / n, _deviation(n, total, squares), n, cut=squares <= total + _ROUNDING * n)


def summed_difference(
    n: int, a: tuple[float, float], b: tuple[float, float], products: float, *, binary: bool
) -> Interval:
    """Return the mean difference of two models on the same n items of a task, with its 95 % interval.

    The intervals of both are combined by their distances from the means and the correlation of the scores (method of
    variance estimates recovery, Zou 2007): Student's interval of the differences where scores are no 0 and 1, and one
    that stays honest near 0 and 1 where they are.

    Args:
        n: items.
        a: sum, and sum of squares, of one model's scores.
        b: of the other's.
        products: sum over items of the product of both.
        binary: whether all scores are 0 or 1.

    Raises:
        InvalidInput: no items.
    """
    one, two = (summed_interval(n, *sums, binary=binary) for sums in (a, b))
    spreads = _deviation(n, *a) * _deviation(n, *b)
    covariance = (products - a[0] * b[0] / n) / max(n - 1, 1)
    correlation = min(1.0, max(-1.0, covariance / spreads)) if spreads else 0.0

    def distance(x: float, y: float) -> float:
        return math.sqrt(max(0.0, x * x + y * y - 2 * correlation * x * y))

    difference = one.mean - two.mean
    return Interval(
        difference,
        difference - distance(one.mean - one.low, two.high - two.mean),
        difference + distance(one.high - one.mean, two.mean - two.low),
    )


def _deviation(n: int, total: float, squares: float) -> float:
    return math.sqrt(max(0.0, squares - total * total / n) / (n - 1)) if n > 1 else 0.0


@lru_cache(maxsize=4096)
def _wilson(successes: int, n: int) -> Interval:
    bounds = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high))


def _student(mean: float, spread: float, n: int, *, cut: bool) -> Interval:
    reach = _student_quantile(max(n - 1, 1)) * spread / math.sqrt(n)
    low, high = mean - reach, mean + reach
    return Interval(mean, max(low, 0.0), min(high, 1.0)) if cut else Interval(mean, low, high)


@lru_cache(maxsize=4096)
def _student_quantile(freedom: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


def aggregate_interval(scores: Mapping[str, Sequence[float]], weights: Mapping[str, float]) -> Interval:
    """Return the weighted mean over tasks with its 95 % interval.

    The tasks' own intervals are combined by their distances from the means (method of variance estimates
    recovery, Zou and Donner 2008), so that a task at 100 % keeps its Wilson width.

    Raises:
        InvalidInput: no scores for some task, or weights that sum to nothing.
    """
    return weighted_interval({task: interval(values) for task, values in scores.items()}, weights)


def weighted_interval(parts: Mapping[str, Interval], weights: Mapping[str, float]) -> Interval:
    """Return the weighted mean of intervals of tasks that share no item, see ``aggregate_interval``.

    Raises:
        InvalidInput: no part, or weights that sum to nothing.
    """
    shares = _shares(parts, weights)
    mean = sum(shares[task] * part.mean for task, part in parts.items())
    below = math.hypot(*(shares[task] * (part.mean - part.low) for task, part in parts.items()))
    above = math.hypot(*(shares[task] * (part.high - part.mean) for task, part in parts.items()))
    return Interval(mean, mean - below, mean + above)


def paired_comparison(
    a: Mapping[ItemRef, float],
    b: Mapping[ItemRef, float],
    weights: Mapping[str, float],
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> PairedComparison:
    """Compare two models item by item, every task being a stratum; items of tasks without weight do not count.

    The interval is the percentile bootstrap of the weighted mean difference, items drawn anew within each
    task. The p-value flips the sign of each item's difference at random: for one task of 0/1 scores it
    estimates the exact McNemar test. It is never below 1 / (draws + 1).

    Args:
        a: scores of one model (see ``by_item``).
        b: scores of the other on the same items.
        weights: weight of each task.
        draws: bootstrap samples and sign flips, each.
        seed: keys both; the same input always gives the same answer.

    Raises:
        InvalidInput: no items, different items, or a task without a weight.
    """
    if not a or a.keys() != b.keys():
        problem = f"one model has {len(a)} items, the other {len(b)}, and {len(a.keys() & b.keys())} are common"
        raise InvalidInput("items", problem, "compare two models on the same items")
    strata: dict[str, list[float]] = {}
    for ref in sorted(a, key=lambda ref: (ref.task, ref.item)):
        if weights.get(ref.task) != 0:
            strata.setdefault(ref.task, []).append(a[ref] - b[ref])
    shares = _shares(strata, weights)
    differences = {task: np.asarray(values, dtype=np.float64) for task, values in strata.items()}
    observed = sum(shares[task] * float(values.mean()) for task, values in differences.items())
    rng = np.random.default_rng(seed)
    resampled, flipped = np.zeros(draws), np.zeros(draws)
    for task, values in differences.items():
        resampled += shares[task] * _bootstrap_means(values, draws, rng)
        flipped += shares[task] * _sign_flip_means(values, draws, rng)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail))
    # Sums in another order differ in their last bits; such ties count as reached.
    reached = int((np.abs(flipped) >= abs(observed) - 1e-12).sum())
    everything = np.concatenate(list(differences.values()))
    return PairedComparison(
        difference=observed,
        low=float(low),
        high=float(high),
        p_value=(1 + reached) / (1 + draws),
        n=len(everything),
        wins=int((everything > 0).sum()),
        losses=int((everything < 0).sum()),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the given order (family-wise error control)."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = running
    return adjusted


def _shares(tasks: Iterable[str], weights: Mapping[str, float]) -> dict[str, float]:
    names = list(tasks)
    missing = [name for name in names if name not in weights]
    total = sum(weights.get(name, 0.0) for name in names)
    if missing or not total > 0:
        problem = f"tasks {names} have the weights {dict(weights)}"
        raise InvalidInput("weights", problem, "give every task a weight and one of them a positive one")
    return {name: weights[name] / total for name in names}


def _bootstrap_means(values: Array, draws: int, rng: np.random.Generator) -> Array:
    n = len(values)
    blocks = [values[rng.integers(0, n, size=(rows, n))].mean(axis=1) for rows in _blocks(draws, n)]
    return np.concatenate(blocks)


def _sign_flip_means(values: Array, draws: int, rng: np.random.Generator) -> Array:
    differing = values[values != 0]
    n = len(differing)
    if not n:
        return np.zeros(draws)
    blocks = [(2 * rng.integers(0, 2, size=(rows, n)) - 1) @ differing for rows in _blocks(draws, n)]
    sums: Array = np.concatenate(blocks)
    return sums / len(values)


def _blocks(draws: int, n: int) -> Iterator[int]:
    rows = max(1, BLOCK_VALUES // n)
    for start in range(0, draws, rows):
        yield min(rows, draws - start)
