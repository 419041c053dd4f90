"""How well one score ranks candidates as another does."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evals.statistics import Interval

Pairs = Sequence[tuple[float, float]]
"""Of each candidate both scores; -inf where it has none."""

_DRAWS = 1000
_LEVELS = (2.5, 97.5)


def rank_correlation(groups: Sequence[Pairs]) -> Interval | None:
    """Return Kendall's tau-b of two scores with a 95 % percentile bootstrap interval over candidates.

    Only candidates of one group are compared with each other: between groups the scores need not have one scale.

    Args:
        groups: of any sizes.

    Returns:
        None where no two candidates of a group differ in both scores.
    """
    ranked = [
        (rankdata([one for one, _ in pairs]), rankdata([other for _, other in pairs])) for pairs in groups if pairs
    ]
    tau = _tau(ranked)
    if tau is None:
        return None
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(_DRAWS):
        chosen = [random.integers(len(first), size=len(first)) for first, _ in ranked]
        drawn.append(_tau([(first[rows], second[rows]) for (first, second), rows in zip(ranked, chosen, strict=True)]))
    low, high = np.percentile([-1.0 if one is None else one for one in drawn], _LEVELS)
    return Interval(tau, min(float(low), tau), max(float(high), tau))


def _tau(groups: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float | None:
    agreeing = first_differs = second_differs = 0.0
    for first, second in groups:
        signs, others = (np.sign(one[:, None] - one[None, :]) for one in (first, second))
        agreeing += float((signs * others).sum())
        first_differs += float(np.abs(signs).sum())
        second_differs += float(np.abs(others).sum())
    pairs = math.sqrt(first_differs * second_differs)
    return agreeing / pairs if pairs else None
