"""P-IRT: fitness over all search items through an item response model fitted to the search's own scores.

Maia Polo et al. (tinyBenchmarks, arXiv 2402.14992) predict the items that a model was not scored on with a two
parameter logistic model, ``P(right) = sigmoid(a_j * ability_i - b_j)``. They fit ``a`` and ``b`` to a leaderboard;
here the candidates of one search are the population, so no foreign responses are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from optimizer.search.estimates import (
    Estimates,
    Observations,
    TaskPart,
    TaskPosterior,
    combine,
    effect_estimates,
    effect_posteriors,
    task_parts,
)
from optimizer.search.interface import SearchItems, Vector

Estimator = Literal["effects", "pirt"]

_ITERATIONS = 40
_TOLERANCE = 1e-4
# Right or wrong plus a small term (the log-likelihood of the reference answer) still counts as right or wrong.
_LARGEST_REMAINDER = 0.25
_FEWEST_CANDIDATES = 20
_FEWEST_SCORES_PER_ITEM = 10.0
# Priors in logits: discrimination near 1, difficulty anywhere that a score can tell.
_DISCRIMINATION_DEVIATION = 0.5
_DIFFICULTY_DEVIATION = 2.0
_LEAST_DISCRIMINATION = 0.05
_LARGEST_STEP = 1.0


@dataclass(frozen=True)
class ItemResponses:
    """A fitted two parameter logistic model of one task.

    Args:
        ability, ability_variance: of every candidate, shape (candidates,), with prior mean 0.
        discrimination, difficulty: of every item, shape (items,).
    """

    ability: Vector
    ability_variance: Vector
    discrimination: Vector
    difficulty: Vector

    @property
    def chances(self) -> Vector:
        """Probability that each candidate gets each item right, shape (candidates, items)."""
        found: Vector = expit(np.outer(self.ability, self.discrimination) - self.difficulty)
        return found


def fit_responses(part: TaskPart) -> ItemResponses:
    """Fit the model to right (1) and wrong (0) scores by alternating Newton steps on the posterior.

    The variance of the abilities is fitted too, so that candidates which differ little are drawn together.
    """
    rows, columns, right = part.rows, part.columns, part.values
    candidates, items = len(part.per_row), part.items
    ability = np.zeros(candidates)
    discrimination, difficulty = np.ones(items), np.full(items, _logit(right.mean()))
    centre, spread = difficulty.copy(), 1.0
    precision = np.full(candidates, 1.0)
    for _ in range(_ITERATIONS):
        a = discrimination[columns]
        chance = expit(a * ability[rows] - difficulty[columns])
        slope = chance * (1 - chance)
        gradient = part.row_sums(a * (right - chance)) - ability / spread
        precision = part.row_sums(a**2 * slope) + 1 / spread
        step = _clipped(gradient / precision)
        ability = ability + step
        spread = max(float(np.mean((ability**2 + 1 / precision)[part.per_row > 0])), 1e-3)
        discrimination, difficulty = _item_step(part, ability, discrimination, difficulty, centre)
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    return ItemResponses(ability, 1 / precision, discrimination, difficulty)


def _item_step(
    part: TaskPart, ability: Vector, discrimination: Vector, difficulty: Vector, centre: Vector
) -> tuple[Vector, Vector]:
    """One Newton step for every item's two parameters: a 2 x 2 system each, solved in closed form."""
    rows, columns = part.rows, part.columns
    x = ability[rows]
    chance = expit(discrimination[columns] * x - difficulty[columns])
    slope, error = chance * (1 - chance), part.values - chance

    def sums(values: Vector) -> Vector:
        return np.bincount(columns, values, minlength=part.items).astype(np.float64)

    a_prior, b_prior = 1 / _DISCRIMINATION_DEVIATION**2, 1 / _DIFFICULTY_DEVIATION**2
    a_gradient = sums(error * x) - (discrimination - 1) * a_prior
    b_gradient = -sums(error) - (difficulty - centre) * b_prior
    aa, bb, ab = sums(slope * x**2) + a_prior, sums(slope) + b_prior, -sums(slope * x)
    determinant = aa * bb - ab**2
    a_step = _clipped((bb * a_gradient - ab * b_gradient) / determinant)
    b_step = _clipped((aa * b_gradient - ab * a_gradient) / determinant)
    return np.maximum(discrimination + a_step, _LEAST_DISCRIMINATION), difficulty + b_step


def pirt_estimates(items: SearchItems, observations: Observations) -> Estimates:
    """Estimate every candidate's fitness: seen items count as they are, unseen ones by their predicted chance.

    Falls back to ``effect_estimates``, and says why in the note, where scores are not right or wrong or where there
    are too few to fit two parameters for every item.
    """
    reason = _why_not(items, observations)
    if reason:
        found = effect_estimates(items, observations)
        return Estimates(found.mean, found.deviation, found.method, reason)
    return combine(items, _posteriors(items, observations), "pirt")


def pirt_posteriors(items: SearchItems, observations: Observations) -> list[TaskPosterior]:
    """Return what the model says about every candidate's mean on each task, or effects where it cannot be fitted."""
    if _why_not(items, observations):
        return effect_posteriors(items, observations)
    return _posteriors(items, observations)


def _posteriors(items: SearchItems, observations: Observations) -> list[TaskPosterior]:
    right = (observations.values > 0.5).astype(np.float64)
    # What the reference term adds is not a response: it has candidate and item effects of its own.
    rest = effect_posteriors(items, observations.with_values(observations.values - right))
    parts = task_parts(items, observations.with_values(right))
    return [_posterior(part, other) for part, other in zip(parts, rest, strict=True)]


def _posterior(part: TaskPart, rest: TaskPosterior) -> TaskPosterior:
    """Add the answers that the model predicts, and those that were given, to what the reference term adds."""
    model = fit_responses(part)
    chances = model.chances
    chances[part.rows, part.columns] = part.values
    slope = chances * (1 - chances)
    variance = slope.sum(axis=1) + (slope @ model.discrimination) ** 2 * model.ability_variance
    return TaskPosterior(
        part.task, part.share, rest.mean + chances.mean(axis=1), rest.variance + variance / part.items**2
    )


def _why_not(items: SearchItems, observations: Observations) -> str:
    values = observations.values
    distance = np.minimum(np.abs(values), np.abs(values - 1))
    if len(values) and float(distance.max()) > _LARGEST_REMAINDER:
        return f"scores are not right or wrong: one is {values[int(distance.argmax())]:.3g}, so effects were used"
    scored = len(np.unique(observations.candidates))
    if scored < _FEWEST_CANDIDATES:
        return f"{scored} candidates are too few for such a model ({_FEWEST_CANDIDATES}), so effects were used"
    per_item = len(values) / items.count
    if per_item < _FEWEST_SCORES_PER_ITEM:
        return f"{per_item:.1f} scores per item are too few ({_FEWEST_SCORES_PER_ITEM:.0f}), so effects were used"
    return ""


def _logit(chance: float) -> float:
    clipped = min(max(chance, 0.01), 0.99)
    # Difficulty enters with a minus sign.
    return float(np.log((1 - clipped) / clipped))


def _clipped(step: Vector) -> Vector:
    return np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)


ESTIMATORS: Mapping[str, Callable[[SearchItems, Observations], Estimates]] = {
    "effects": effect_estimates,
    "pirt": pirt_estimates,
}
POSTERIORS: Mapping[str, Callable[[SearchItems, Observations], list[TaskPosterior]]] = {
    "effects": effect_posteriors,
    "pirt": pirt_posteriors,
}
