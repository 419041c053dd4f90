"""The search distribution of CMA-ES (Hansen, arXiv 1604.00772), driven from outside.

Written here because no library takes the recombination weights of every generation, a prior factor and steps that were
drawn from an older distribution, all of which noisy item scores and asynchronous workers need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.interface import Prior, SearchSetting, Vector

# Exponentials of the step size are bounded, so that one odd generation cannot blow the search up (pycma does the same).
_LARGEST_LOG_CHANGE = 1.0
# Strength of the worse half. As strong as the better half, it makes the mean swing where there are 10 to 20 dimensions.
_PUSH = 0.5
# Share of a coordinate's variance that one update leaves at least.
_LEAST_KEPT = 0.2
# Weights that cancel out say nothing about where to go or how far.
_SHORTEST_WEIGHTS = 1e-9


@dataclass(frozen=True)
class Sample:
    """A point and how it was drawn.

    Args:
        point: shape (dimension,), standardized units.
        step: ``(point - mean) / sigma`` in the prior's basis at the moment of drawing, shape (dimension,).
        drawn: number of updates that the distribution had had by then.
    """

    point: Vector
    step: Vector
    drawn: int


@dataclass(frozen=True)
class Generation:
    """What made an update.

    Args:
        points: of the samples, shape (k, dimension).
        mean: of the distribution before it moved, shape (dimension,).
    """

    points: Vector
    mean: Vector


@dataclass(frozen=True)
class _Rates:
    """Learning rates for one set of weights (Table 1 of arXiv 1604.00772; separable: Ros & Hansen 2008)."""

    path: float
    damping: float
    covariance_path: float
    one: float
    mu: float

    @classmethod
    def of(cls, weights: Vector, dimension: int, separable: bool) -> _Rates:
        d = dimension
        better = np.maximum(weights, 0)
        mass = float(better.sum() ** 2 / np.sum(better**2))
        path = (mass + 2) / (d + mass + 5)
        damping = 1 + 2 * max(0.0, math.sqrt((mass - 1) / (d + 1)) - 1) + path
        covariance_path = (4 + mass / d) / (d + 4 + 2 * mass / d)
        faster = (d + 2) / 3 if separable else 1.0
        one = min(1.0, faster * 2 / ((d + 1.3) ** 2 + mass))
        mu = min(1 - one, faster * 2 * (mass - 2 + 1 / mass) / ((d + 2) ** 2 + mass))
        return cls(path, damping, covariance_path, one, max(0.0, mu))


class Distribution:
    """A normal distribution ``mean + sigma * L @ C^(1/2) @ z`` that moves towards good steps.

    ``C`` is full, or diagonal in the basis of the prior factor ``L`` where ``separable``. Nothing here is elitist and
    nothing stops: ties, plateaus and noise only make steps short.

    Args:
        mean: shape (dimension,), standardized units.
        separable: learn a diagonal only.
        factor: the prior's ``L``, shape (dimension, dimension); None is the identity.
        sigma: initial step size.
        limits: largest useful standard deviation of every coordinate, shape (dimension,); ``sigma`` shrinks to keep
            it. Points are reflected into their range by the genome, so nothing is gained beyond half of it.
    """

    def __init__(
        self,
        mean: Vector,
        *,
        separable: bool,
        factor: Vector | None = None,
        sigma: float = 1.0,
        limits: Vector | None = None,
    ) -> None:
        d = len(mean)
        self.mean: Vector = np.array(mean, dtype=np.float64)
        self.sigma = float(sigma)
        self.separable = separable
        self.updates = 0
        self.last: Generation | None = None
        self._factor = None if factor is None else np.array(factor, dtype=np.float64)
        self._inverse = None if self._factor is None else np.linalg.pinv(self._factor)
        self._limits = limits
        self._covariance: Vector = np.ones(d) if separable else np.eye(d)
        self._root: Vector = np.ones(d) if separable else np.eye(d)
        self._inverse_root: Vector = np.ones(d) if separable else np.eye(d)
        self._sigma_path = np.zeros(d)
        self._covariance_path = np.zeros(d)
        self.expected_path_length = math.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d))
        self._missing_variance = 0.0
        self._decay = 1.0
        self._keep_limits()

    @classmethod
    def around(cls, setting: SearchSetting, prior: Prior | None, *, separable_above: int) -> Distribution:
        """Return where a search begins: at its prior, or at 0 with one step in every coordinate."""
        # Points are reflected at the ends of their range: beyond half of it a wider distribution is only a flatter one.
        limits = np.array([(one.high - one.low) / (2 * abs(one.step)) for one in setting.coordinates])
        return cls(
            np.zeros(setting.dimension) if prior is None else prior.mean,
            separable=setting.dimension > separable_above,
            factor=None if prior is None else prior.factor,
            limits=limits,
        )

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.mean)

    @property
    def deviations(self) -> Vector:
        """Standard deviation of every coordinate, shape (dimension,), standardized units."""
        root = np.diag(self._root) if self.separable else self._root
        if self._factor is not None:
            root = self._factor @ root
        found: Vector = self.sigma * np.sqrt(np.sum(root**2, axis=1))
        return found

    @property
    def eigenvalues(self) -> Vector:
        """Eigenvalues of ``C``, descending, shape (dimension,)."""
        values = self._covariance if self.separable else np.linalg.eigvalsh(self._covariance)
        found: Vector = np.sort(values)[::-1]
        return found

    @property
    def path_length(self) -> float:
        """Length of the evolution path of the step size; sigma grows while it is above ``expected_path_length``."""
        return float(np.linalg.norm(self._sigma_path))

    def sample(self, random: np.random.Generator) -> Sample:
        """Draw one point."""
        step = _apply(self._root, random.standard_normal(self.dimension))
        return Sample(self.mean + self.sigma * self._from_prior_basis(step), step, self.updates)

    def sample_of(self, point: Vector) -> Sample:
        """Return a point that was chosen elsewhere as a sample of this distribution.

        Points further out than samples usually are come back nearer on the same line (Hansen, arXiv 1110.4181).
        """
        step = (np.asarray(point, dtype=np.float64) - self.mean) / self.sigma
        step = step if self._inverse is None else self._inverse @ step
        d = self.dimension
        usual = math.sqrt(d) + 2 * d / (d + 2)
        step = step * min(1.0, usual / max(float(np.linalg.norm(_apply(self._inverse_root, step))), 1e-300))
        return Sample(self.mean + self.sigma * self._from_prior_basis(step), step, self.updates)

    def update(self, samples: Sequence[Sample], weights: Vector) -> None:
        """Move towards the good samples of a generation.

        The mean moves to where good samples are; evolution paths and covariance learn from the steps as they were
        drawn. For samples of the present distribution the two agree. Late samples can thus neither make the mean
        overshoot, nor bias the step size: under random selection a step is independent of the moves since. Late bad
        samples do not push the mean: what they warn of may be behind it, and pushing on makes it swing.

        Args:
            samples: of this distribution, or of an earlier state of it.
            weights: of each sample, shape (k,). Positive ones sum to at most 1; negative ones push the mean away and
                take variance out of their direction (active CMA-ES).
        """
        late = np.array([sample.drawn < self.updates for sample in samples])
        moving = np.where(late, np.maximum(weights, 0), weights)
        length = float(np.linalg.norm(moving))
        if length < _SHORTEST_WEIGHTS:
            return
        steps = np.array([sample.step for sample in samples])
        points = np.array([sample.point for sample in samples])
        rates = _Rates.of(weights, self.dimension, self.separable)
        self.updates += 1
        self.last = Generation(points, self.mean)
        self.mean = self.mean + moving @ (points - self.mean)
        self._update_paths(moving @ steps / length, rates)
        self._update_covariance(steps, weights, rates)
        change = (rates.path / rates.damping) * (self.path_length / self.expected_path_length - 1)
        self.sigma *= math.exp(min(_LARGEST_LOG_CHANGE, change))
        self._keep_limits()

    def _update_paths(self, move: Vector, rates: _Rates) -> None:
        """Extend both evolution paths by a move that has unit variance if selection is random."""
        c = rates.path
        whitened = _apply(self._inverse_root, move)
        self._sigma_path = (1 - c) * self._sigma_path + math.sqrt(c * (2 - c)) * whitened
        self._decay *= (1 - c) ** 2
        threshold = (1.4 + 2 / (self.dimension + 1)) * self.expected_path_length
        steady = self.path_length / math.sqrt(1 - self._decay) < threshold
        c = rates.covariance_path
        self._covariance_path = (1 - c) * self._covariance_path
        if steady:
            self._covariance_path = self._covariance_path + math.sqrt(c * (2 - c)) * move
        self._missing_variance = 0.0 if steady else c * (2 - c)

    def _update_covariance(self, steps: Vector, weights: Vector, rates: _Rates) -> None:
        whitened = steps * self._inverse_root if self.separable else steps @ self._inverse_root
        # A long step with a negative weight could make C indefinite: its length is set to that of an average step.
        lengths = np.maximum(np.sum(whitened**2, axis=1), 1e-300)
        scaled = np.where(weights < 0, weights * self.dimension / lengths, weights)
        keep = 1 - rates.one - rates.mu * float(np.sum(weights)) + rates.one * self._missing_variance
        path = self._covariance_path
        if self.separable:
            covariance = keep * self._covariance + rates.one * path**2 + rates.mu * (scaled @ steps**2)
            # Bad steps along one coordinate may take away more than there is of it.
            self._covariance = np.maximum(covariance, _LEAST_KEPT * self._covariance)
            self._root = np.sqrt(self._covariance)
            self._inverse_root = 1 / self._root
            return
        covariance = keep * self._covariance + rates.one * np.outer(path, path) + rates.mu * (steps.T * scaled) @ steps
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
        values = np.maximum(values, 1e-14 * values[-1])
        self._covariance = (vectors * values) @ vectors.T
        self._root = (vectors * np.sqrt(values)) @ vectors.T
        self._inverse_root = (vectors / np.sqrt(values)) @ vectors.T

    def _from_prior_basis(self, step: Vector) -> Vector:
        return step if self._factor is None else self._factor @ step

    def _keep_limits(self) -> None:
        if self._limits is not None:
            self.sigma /= max(1.0, float(np.max(self.deviations / self._limits)))


def _apply(matrix: Vector, vector: Vector) -> Vector:
    """Multiply by a symmetric matrix, or by a diagonal one that is stored as a vector."""
    found: Vector = matrix * vector if matrix.ndim == 1 else matrix @ vector
    return found


def log_weights(count: int, *, active: bool = False) -> Vector:
    """Return CMA-ES's weights by rank, best first, shape (count,): positive for the better half, summing to 1.

    Where ``active``, the worse half has negative weights that sum to -1/2; otherwise zeros.
    """
    raw = math.log((count + 1) / 2) - np.log(np.arange(1, count + 1))
    better, worse = np.maximum(raw, 0), np.minimum(raw, 0)
    if count == 1:
        return np.ones(1)
    weights: Vector = better / better.sum()
    return weights + _PUSH * worse / -worse.sum() if active else weights
