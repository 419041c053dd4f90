"""Gaussians over standardized points, made of plain arrays: gradients, sizes of changes, earlier candidates."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from optimizer.search.interface import Prior, Vector

CONDITION = 100.0
"""Largest ratio of two variances: a prior that is wrong about a direction must not close it."""
TRUST = 1.0
"""Furthest that a prior moves a coordinate from the start, in steps."""
_DAMPING = 0.1
_TOP_SHARE = 0.1
_MIN_TOP = 4
_SIMILARITY = 0.5


def fisher_prior(gradients: Vector, weights: Vector, source: str, *, shaped: bool = False) -> Prior:
    """Return a damped natural-gradient step from the empirical Fisher information.

    With ``F = sum_i w_i g_i g_i^T`` and ``g = sum_i w_i g_i``: the mean is ``-eta (F + l I)^-1 g``, with eta such that
    the largest coordinate moves by one step. The covariance is the identity; where ``shaped``, it is proportional to
    ``(F + l I)^-1``, of mean variance 1, which costs ten times the evaluations (docs/search.md): long steps where the
    likelihood is flat go where nothing is to be gained. ``l`` is a tenth of F's mean eigenvalue, or what keeps the
    condition number at 100. Coordinates without any gradient, such as a choice of methods, keep their start and their
    step.

    Args:
        gradients: of each item's loss in the standardized coordinates at the start, shape (n, d).
        weights: of the items, shape (n,); they are made to sum to 1.
        source: what it was made from, for people.
        shaped: whether steps are longer where the likelihood is flat.
    """
    shares = weights / weights.sum()
    dimension = gradients.shape[1]
    mean, factor = np.zeros(dimension), np.eye(dimension)
    known = np.flatnonzero(gradients.any(axis=0))
    if not len(known):
        return Prior(mean, factor, source)
    own = gradients[:, known]
    values, vectors = np.linalg.eigh((own.T * shares) @ own)
    values = np.maximum(values, 0.0)
    damped = values + max(_DAMPING * values.mean(), values[-1] / (CONDITION - 1))
    direction = -(vectors / damped) @ vectors.T @ (shares @ own)
    reach = float(np.abs(direction).max())
    mean[known] = direction * (TRUST / reach) if reach > 0 else direction
    if shaped:
        variances = 1.0 / damped
        factor[np.ix_(known, known)] = _factor(vectors, variances / variances.mean())
    return Prior(mean, factor, source)


def slots_prior(changes: Vector, groups: Sequence[Hashable], source: str) -> Prior:
    """Return steps that change the model equally in every coordinate of a group, at the start.

    Args:
        changes: relative change of the weights that one step of each coordinate makes where it acts, shape (d,);
            0 where it is not known.
        groups: of the coordinates that are compared, such as parameter and level.
        source: what it was made from, for people.
    """
    scales, limit = np.ones(len(changes)), np.sqrt(CONDITION) ** 0.5
    for group in dict.fromkeys(groups):
        own = np.array([one == group for one in groups]) & (changes > 0)
        if own.any():
            inverse = np.exp(np.log(changes[own]).mean()) / changes[own]
            scales[own] = np.clip(inverse, 1 / limit, limit)
    return Prior(np.zeros(len(changes)), np.diag(scales / np.sqrt(np.mean(scales**2))), source)


def history_prior(points: Sequence[Vector], fitness: Sequence[Vector], source: str) -> Prior:
    """Return the Gaussian of the best tenth of each earlier search (WS-CMA-ES, 2012.06932).

    The covariance is that of the best points plus 0.25: searches of other tasks are only similar. Fitness is compared
    inside one search only, whose tasks no other may have.

    Args:
        points: of each search, shape (n, d).
        fitness: of each search, shape (n,), larger being better.
        source: what it was made from, for people.

    Raises:
        ValueError: there is no point.
    """
    best = []
    for own, values in zip(points, fitness, strict=True):
        count = min(len(own), max(_MIN_TOP, round(_TOP_SHARE * len(own))))
        best.append(own[np.argsort(-values, kind="stable")[:count]])
    chosen = np.concatenate(best)
    if not len(chosen):
        raise ValueError("an earlier search without candidates says nothing")
    mean = chosen.mean(axis=0)
    covariance = (chosen - mean).T @ (chosen - mean) / len(chosen) + _SIMILARITY**2 * np.eye(len(mean))
    variances, vectors = np.linalg.eigh(covariance)
    return Prior(mean, _factor(vectors, np.maximum(variances, variances[-1] / CONDITION)), source)


def _factor(vectors: Vector, variances: Vector) -> Vector:
    """Return the symmetric square root, which does not depend on the signs of the eigenvectors."""
    factor: Vector = (vectors * np.sqrt(variances)) @ vectors.T
    return factor
