"""The gradient prior on a landscape: what ``optimizer.priors.gradient`` does with a model, done with the likelihoods
of the landscape, and what it costs.

A landscape's likelihoods are exactly those that decide its answers, so that this is the prior at its best.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from landscape import Landscape, Positions, Vector

from optimizer.priors.gaussians import fisher_prior
from optimizer.search.interface import Prior

ITEMS = 32
# Item evaluations that one item costs: a forward and a backward pass, and three more looks at how far to go.
COST = 6
_SIZES = (1.0, 0.5, 0.25)
_DIFFERENCE = 1e-4


def prior_items(problem: Landscape) -> Positions:
    """Return the search items whose answers are propagated back."""
    count = len(problem.search_tasks)
    random = np.random.default_rng([problem.seed, ITEMS])
    return np.sort(random.choice(count, size=min(ITEMS, count), replace=False))


def gradient_prior(
    problem: Landscape,
    chosen: Positions,
    weights: Vector,
    raw_of: Callable[[Vector], Vector],
    dimension: int,
    *,
    shaped: bool,
) -> Prior:
    """Return the prior of ``fisher_prior`` from the losses of some search items at the start.

    Args:
        problem: whose items they are.
        chosen: of ``prior_items``.
        weights: of these items; they are made to sum to 1.
        raw_of: raw coefficients of a standardized point.
        dimension: of the points.
        shaped: see ``fisher_prior``.
    """
    weights = weights / weights.sum()

    def losses(point: Vector) -> Vector:
        return problem.reference_losses(raw_of(point), chosen)

    steps = _DIFFERENCE * np.eye(dimension)
    gradients = np.stack([(losses(step) - losses(-step)) / (2 * _DIFFERENCE) for step in steps], axis=1)
    prior = fisher_prior(gradients, weights, "gradients of the landscape", shaped=shaped)
    tried = {0.0: float(weights @ losses(np.zeros(dimension)))}
    tried |= {size: float(weights @ losses(size * prior.mean)) for size in _SIZES}
    return replace(prior, mean=min(tried, key=lambda size: tried[size]) * prior.mean)
