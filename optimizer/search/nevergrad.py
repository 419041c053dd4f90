"""Any optimizer of nevergrad's registry by its name, without the traps.

nevergrad (Rapin & Teytaud 2018) is a registry of 500 optimizers and a protocol of ask and tell. What it recommends is
the best single sample, and what its optimizers do silently depends on bounds and ties; see :class:`Nevergrad` for what
is different here, and ``nevergrad_repairs`` for what is repaired inside.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import nevergrad as ng
import numpy as np
from nevergrad.common.errors import FinishedUnderlyingOptimizerWarning
from nevergrad.optimization import base as ng_base
from nevergrad.optimization import optimizerlib, recaster

from evomerge.errors import SpecError
from optimizer.search.box import Frame
from optimizer.search.declared import NevergradOptions
from optimizer.search.interface import Coordinate, Scores, SearchItems, SearchSetting, Vector
from optimizer.search.nevergrad_merge_cma import MergeCMA
from optimizer.search.nevergrad_repairs import CMA, repair
from optimizer.search.single_score import Asked, SingleScoreSearch, candidate_budget

repair()

# Names worth a hint where another one is misspelled.
WELL_KNOWN = ("CMA", "DE", "DiagonalCMA", "NGOpt", "OnePlusOne", "PSO", "RandomSearch", "TBPSA", "TwoPointsDE")
# For optimizers that plan their stages by the budget, where the spec limits something else.
ASSUMED_CANDIDATES = 1000
# Families that fit no model. All others may reach nevergrad's MetaModel, which fails under numpy 2.4 (issue 1707).
_WITHOUT_MODEL = (
    "ConfPSO",
    "DifferentialEvolution",
    "EMNA",
    "EvolutionStrategy",
    "ParametrizedCMA",
    "ParametrizedOnePlusOne",
    "ParametrizedTBPSA",
    "RandomSearchMaker",
    "SamplingSearch",
)
_PROBE_DIMENSION, _PROBE_CANDIDATES = 4, 40
# Draws of the global generators may agree by chance, where they are few.
_PROBES = 4
_OUT_OF_REACH = 1e3


class Nevergrad(SingleScoreSearch):
    """An optimizer of nevergrad's registry.

    An optimizer that can only work sequentially waits for each result, whatever the number of workers. One that has
    converged ends the search instead of going on with random points. The result is the mean of the distribution where
    the optimizer keeps one (CMA, TBPSA, EMNA), otherwise the best by a model of all scores, and never the luckiest
    sample. A prior gives the mean and covariance of the first samples.
    """

    def __init__(self, setting: SearchSetting, options: NevergradOptions, name: str) -> None:
        super().__init__(setting)
        family = ng_base.registry[name]
        self._workers = 1 if family.no_parallelization else setting.workers
        budget = candidate_budget(setting) or ASSUMED_CANDIDATES
        bounded = needs_bounds(name) if options.bounded is None else options.bounded
        # Bounds leave no room for the prior's covariance: the search starts at its mean only.
        self._frame = Frame(np.zeros(setting.dimension), None) if bounded else Frame.of(setting)
        space = self._space(bounded)
        with _quiet():
            self._optimizer: Any = family(space, budget=budget, num_workers=self._workers)
        self._ended = False

    def center(self) -> Vector:
        """Mean of the optimizer's distribution, or else the best by a model of all scores."""
        mean = distribution_mean(self._optimizer)
        return super().center() if mean is None else self._frame.point(mean)

    def _space(self, bounded: bool) -> Any:
        space = ng.p.Array(shape=(self.setting.dimension,))
        if bounded:
            box = self.box.finite()
            space = ng.p.Array(init=box.clip(self._start())).set_mutation(sigma=1.0).set_bounds(box.low, box.high)
        space.random_state.seed(self.setting.seed)
        return space

    def _ask(self) -> Asked | None:
        if self._ended or self._in_flight >= self._workers:
            return None
        try:
            with _quiet(ends=_is_recast(self._optimizer)):
                candidate = self._optimizer.ask()
        except FinishedUnderlyingOptimizerWarning:
            self._ended = True
            return None
        except recaster.TooManyAskError:
            return None
        return Asked(self._frame.point(np.asarray(candidate.value, dtype=np.float64)), candidate)

    def _tell(self, asked: Asked, fitness: float | None) -> None:
        with _quiet():
            self._optimizer.tell(asked.token, -(self._infeasible_fitness() if fitness is None else fitness))


def distribution_mean(optimizer: Any) -> Vector | None:
    """Mean of a nevergrad optimizer's search distribution in its standardized units; None where it keeps none."""
    while isinstance(optimizer, optimizerlib.ChoiceBase):
        optimizer = optimizer._optim
    if isinstance(optimizer, MergeCMA):
        return optimizer.mean
    if isinstance(optimizer, CMA) and optimizer._es is not None and not optimizer._config.fcmaes:
        return np.asarray(optimizer._es.mean, dtype=np.float64)
    if isinstance(optimizer, optimizerlib._TBPSA | optimizerlib._EMNA):
        return np.asarray(optimizer.current_center, dtype=np.float64)
    return None


def is_registered(name: str) -> bool:
    """Whether nevergrad's registry has an optimizer of this name."""
    return name in ng_base.registry


@cache
def check_optimizer(name: str) -> None:
    """Run an optimizer of the registry several times on a bowl, before anything is spent.

    Raises:
        SpecError: it needs a package or an older numpy that is not there, it fails, or it does not repeat itself, so
            that a run could not be resumed.
    """
    _check_numpy(name)
    try:
        bounded = needs_bounds(name)
        first, *others = (_probe(name, bounded, state) for state in range(_PROBES))
    except Exception as error:
        raise SpecError(
            "search.algorithm",
            f"nevergrad's '{name}' does not run here: {type(error).__name__}: {error}",
            "use another algorithm, or install the package that it names",
        ) from error
    if not all(np.array_equal(first, other) for other in others):
        raise SpecError(
            "search.algorithm",
            f"nevergrad's '{name}' proposes other points for the same seed and scores, so no run could be resumed",
            "use another algorithm",
        )


@cache
def needs_bounds(name: str) -> bool:
    """Whether an optimizer proposes points out of reach where it is given no bounds."""
    # PSO moves in (0, 1) and takes its ends for infinity, sooner or later.
    return type(ng_base.registry[name]).__name__ == "ConfPSO" or bool(
        np.abs(_probe(name, bounded=False)).max(initial=0.0) > _OUT_OF_REACH
    )


def _check_numpy(name: str) -> None:
    version = tuple(int(part) for part in np.__version__.split(".")[:2])
    if version >= (2, 4) and type(ng_base.registry[name]).__name__ not in _WITHOUT_MODEL:
        raise SpecError(
            "search.algorithm",
            f"nevergrad's '{name}' may fit its MetaModel, which fails under numpy {np.__version__}",
            "pip install 'numpy<2.4', or use another algorithm such as merge-cma, DE or PSO",
        )


def _probe(name: str, bounded: bool, state: int = 0) -> Vector:
    with _global_state(state):
        return _proposals(name, bounded)


@contextmanager
def _global_state(state: int) -> Iterator[None]:
    """Put the global generators, which some optimizers draw from, into one of several known states."""
    before = random.getstate(), np.random.get_state()
    random.seed(state)
    np.random.seed(state)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def _proposals(name: str, bounded: bool) -> Vector:
    coordinates = (Coordinate("weight", None, 0.0, 1.0, -5.0, 5.0),) * _PROBE_DIMENSION
    items = SearchItems(np.zeros(1, dtype=np.intp), np.ones(1), (np.arange(1),))
    search = Nevergrad(SearchSetting(coordinates, items, 1, _PROBE_CANDIDATES, 2), NevergradOptions(bounded), name)
    points = []
    for _ in range(_PROBE_CANDIDATES):
        proposal = search.ask()
        if proposal is None:
            break
        points.append(proposal.point)
        search.tell(proposal, Scores(np.arange(1), np.array([-((proposal.point - 1.0) ** 2).sum()])))
    return np.array(points)


def _is_recast(optimizer: Any) -> bool:
    inner = getattr(optimizer, "_optim", None)
    return isinstance(optimizer, recaster.RecastOptimizer) or isinstance(inner, recaster.RecastOptimizer)


@contextmanager
def _quiet(*, ends: bool = False) -> Iterator[None]:
    """Silence the libraries: what they warn of cannot be acted on here. ``ends`` raises at convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if ends:
            warnings.simplefilter("error", FinishedUnderlyingOptimizerWarning)
        yield
