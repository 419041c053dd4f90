"""The settings of published merging searches, as baselines: what their code does, faithfully, noise and all.

They search the coefficients themselves, not steps from the best plain merge, and report the best single sample, as
their authors do. A merge that fails ranks last; mergekit-evolve itself would end with an exception.
"""

from __future__ import annotations

import warnings
from collections import deque

import nevergrad as ng
import numpy as np
from nevergrad.common.errors import FinishedUnderlyingOptimizerWarning
from optuna.samplers import CmaEsSampler

from optimizer.search.interface import DENSITY, WEIGHT, Coordinate, SearchSetting, Vector, standardized
from optimizer.search.nevergrad import ASSUMED_CANDIDATES
from optimizer.search.optuna import Optuna
from optimizer.search.pycma import default_popsize, strategy
from optimizer.search.single_score import Asked, SingleScoreSearch, candidate_budget, ranked_losses

LORAHUB_RANGE = 1.5
L1_PENALTY = 0.05


class MergekitEvolve(SingleScoreSearch):
    """mergekit-evolve's search (arcee-ai/mergekit, a6e4028): ``cma.fmin2`` as it is called there.

    Full covariance, initial weights ``1/n`` and densities 1, sigma 1/6 in the unit of the coefficient, default
    population and stop criteria (``tolflatfitness`` among them, after which nothing more is proposed), a barrier after
    every generation. Weights go through ``abs``, densities through ``abs`` and a clamp to [0, 1]. Every other
    parameter starts at its own initial value. Where the spec's range is narrower, points are reflected into it.
    """

    def __init__(self, setting: SearchSetting) -> None:
        super().__init__(setting)
        start = _start(setting.coordinates, weight=1.0 / _num_models(setting.coordinates))
        budget = candidate_budget(setting)
        self._strategy = strategy(start, 1 / 6, setting.seed, {} if budget is None else {"maxfevals": budget})
        self._unasked: deque[Vector] = deque()
        self._told: list[tuple[Vector, float | None]] = []
        self._kinds = np.array([one.parameter for one in setting.coordinates])

    def center(self) -> Vector:
        """The best single sample, as mergekit-evolve reports it."""
        return self._best_sample()

    def _ask(self) -> Asked | None:
        if not self._unasked:
            if self._in_flight or self._strategy.stop():
                return None
            self._unasked.extend(self._strategy.ask())
        genotype = np.asarray(self._unasked.popleft(), dtype=np.float64)
        return Asked(standardized(self.setting.coordinates, self._coefficients(genotype)), genotype)

    def _coefficients(self, genotype: Vector) -> Vector:
        folded = np.where((self._kinds == WEIGHT) | (self._kinds == DENSITY), np.abs(genotype), genotype)
        return np.where(self._kinds == DENSITY, np.minimum(folded, 1.0), folded)

    def _tell(self, asked: Asked, fitness: float | None) -> None:
        self._told.append((asked.token, fitness))
        if not self._unasked and not self._in_flight:
            genotypes, values = zip(*self._told, strict=True)
            self._told = []
            self._strategy.tell(list(genotypes), ranked_losses(values))


class Sakana(Optuna):
    """The parameter-space search of Akiba et al. (arXiv 2403.13187): Optuna's CMA-ES and the best training score.

    They search [0, 1] from 0.5 with sigma 1/6: the middle of the range and a sixth of it, which is what is done here
    with every range. The population is 4 + 3 ln(dimension); they ran 1000 trials.
    """

    def __init__(self, setting: SearchSetting) -> None:
        sampler = CmaEsSampler(popsize=default_popsize(setting.dimension), seed=setting.seed)
        super().__init__(setting, sampler, from_start=False)

    def center(self) -> Vector:
        """The best single sample by the search items, as they report it."""
        return self._best_sample()


class LoraHub(SingleScoreSearch):
    """LoraHub's search (Huang et al., arXiv 2307.13269; sail-sg/lorahub, df73afe): NGOpt from weights of 0.

    Weights within [-1.5, 1.5] (and the spec's range), one result at a time, loss plus 0.05 times the mean absolute
    weight. Their loss is the cross-entropy of a few examples; here it is the negative fitness. NGOpt chooses by
    dimension and budget (Cobyla at 20 dimensions and 40 candidates); where its choice has converged, the search ends.
    """

    def __init__(self, setting: SearchSetting) -> None:
        super().__init__(setting)
        coordinates = setting.coordinates
        limit = np.array([LORAHUB_RANGE if one.parameter == WEIGHT else np.inf for one in coordinates])
        low = np.maximum(_values(coordinates, self.box.finite().low), -limit)
        high = np.minimum(_values(coordinates, self.box.finite().high), limit)
        start = np.clip(_start(coordinates, weight=0.0), low, high)
        space = ng.p.Array(init=start, lower=low, upper=high)
        space.random_state.seed(setting.seed)
        self._is_weight = np.isfinite(limit)
        self._ended = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._optimizer = ng.optimizers.NGOpt(space, budget=candidate_budget(setting) or ASSUMED_CANDIDATES)

    def center(self) -> Vector:
        """nevergrad's recommendation, as they report it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            recommended = self._optimizer.provide_recommendation().value
        return standardized(self.setting.coordinates, np.asarray(recommended, dtype=np.float64))

    def _ask(self) -> Asked | None:
        if self._in_flight or self._ended:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", FinishedUnderlyingOptimizerWarning)
            try:
                candidate = self._optimizer.ask()
            except FinishedUnderlyingOptimizerWarning:
                self._ended = True
                return None
        weights = np.asarray(candidate.value, dtype=np.float64)
        return Asked(standardized(self.setting.coordinates, weights), candidate)

    def _tell(self, asked: Asked, fitness: float | None) -> None:
        weights = asked.token.value[self._is_weight]
        penalty = L1_PENALTY * float(np.abs(weights).mean()) if len(weights) else 0.0
        value = self._infeasible_fitness() if fitness is None else fitness
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._optimizer.tell(asked.token, penalty - value)


def _values(coordinates: tuple[Coordinate, ...], point: Vector) -> Vector:
    return np.array([one.init + z * one.step for one, z in zip(coordinates, point, strict=True)])


def _start(coordinates: tuple[Coordinate, ...], *, weight: float) -> Vector:
    """Coefficients with all weights at one value, densities at 1, and the others where the space starts."""
    fixed = {WEIGHT: weight, DENSITY: 1.0}
    return np.array([fixed.get(one.parameter, one.init) for one in coordinates], dtype=np.float64)


def _num_models(coordinates: tuple[Coordinate, ...]) -> int:
    return max(1, len({one.model for one in coordinates if one.model is not None}))
