"""Search algorithms behind one ask/tell interface.

Every algorithm works in a standardized space: 0 is the genome's starting point and 1 is one initial step in that
coordinate. nevergrad carries the ask/tell protocol and its registry of algorithms; ``MergeCMA`` is registered there.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import cma
import nevergrad as ng
import numpy as np
from nevergrad.optimization import base as ng_base
from numpy.typing import NDArray

from evomerge.errors import SpecError, nearest

Vector = NDArray[np.float64]

# Ranks below every real fitness, and finite because nevergrad turns infinities into a constant with a warning.
INFEASIBLE_LOSS = 1e9
GREEDY_SOUP = "greedy_soup"
# Above this dimension a full covariance learns nothing within a realistic budget, a diagonal one still does.
FULL_COVARIANCE_LIMIT = 10
# Accuracy on a few items is full of ties and plateaus: none of pycma's stop tests may end or restart the search.
_NEVER_STOP = {
    "tolflatfitness": np.inf,
    "tolstagnation": np.inf,
    "tolconditioncov": np.inf,
    "tolupsigma": np.inf,
    "tolfun": 0,
    "tolfunhist": 0,
    "tolfunrel": 0,
    "tolx": 0,
    "maxiter": np.inf,
}


@ng_base.registry.register
class MergeCMA(ng_base.Optimizer):  # type: ignore[misc]
    """CMA-ES for noisy, tied fitness and asynchronous workers (Hansen, arXiv 1604.00772).

    It differs from nevergrad's own CMA in four points. Points are drawn one at a time from the newest
    distribution, so only those in flight are stale. It never restarts on ties, is never elitist (an elite of a
    noisy fitness is a lucky sample), and an error while updating is raised, not dropped with its batch. Above ten
    dimensions the covariance is diagonal (Ros & Hansen 2008).
    """

    def __init__(
        self,
        parametrization: Any,
        budget: int | None = None,
        num_workers: int = 1,
        popsize: int | None = None,
    ) -> None:
        super().__init__(parametrization, budget=budget, num_workers=num_workers)
        options = {
            **_NEVER_STOP,
            "popsize": popsize or default_popsize(self.dimension),
            "CMA_diagonal": self.dimension > FULL_COVARIANCE_LIMIT,
            # Mirrored pairs need whole generations, which asynchronous workers do not wait for.
            "CMA_mirrors": 0,
            "randn": self._rng.randn,
            "seed": np.nan,
            "verbose": -9,
        }
        self._strategy = cma.CMAEvolutionStrategy(np.zeros(self.dimension), 1.0, options)
        self._told: list[tuple[Vector, float]] = []

    @property
    def mean(self) -> Vector:
        """Mean of the search distribution, shape (dimension,), standardized units."""
        return np.asarray(self._strategy.mean, dtype=np.float64)

    def _internal_ask_candidate(self) -> Any:
        (point,) = self._strategy.ask(number=1)
        return self.parametrization.spawn_child().set_standardized_data(point, reference=self.parametrization)

    def _internal_tell_candidate(self, candidate: Any, loss: float) -> None:
        point = candidate.get_standardized_data(reference=self.parametrization)
        self._told.append((np.asarray(point, dtype=np.float64), float(loss)))
        if len(self._told) >= self._strategy.popsize:
            points, losses = zip(*self._told, strict=True)
            self._told = []
            self._strategy.tell(list(points), list(losses))

    def _internal_provide_recommendation(self) -> Vector:
        return self.mean


def default_popsize(dimension: int) -> int:
    """CMA-ES's default population size, ``4 + floor(3 ln d)``."""
    return 4 + int(3 * math.log(max(dimension, 1)))


@dataclass(frozen=True)
class Proposal:
    """A point that the search wants scored. ``token`` is the algorithm's own handle for it."""

    point: Vector
    token: Any


class Search(Protocol):
    """What the driver needs of an algorithm."""

    def ask(self) -> Proposal | None:
        """Propose the next point, shape (dimension,), standardized units; None while there is none to propose."""
        ...

    def tell(self, proposal: Proposal, fitness: float | None) -> None:
        """Report a proposal's fitness (larger is better); None means the candidate is infeasible."""
        ...

    def center(self) -> Vector:
        """The point the algorithm would bet on: never merely the best noisy sample where it keeps a mean."""
        ...


class NevergradSearch:
    """Any algorithm of nevergrad's registry; deterministic given the seed and the order of ask and tell."""

    def __init__(
        self,
        algorithm: str,
        dimension: int,
        *,
        seed: int,
        evaluations: int | None,
        workers: int,
        popsize: int | None,
    ) -> None:
        space = ng.p.Array(shape=(dimension,))
        space.random_state.seed(seed)
        self._optimizer: Any
        if algorithm == "cma":
            self._optimizer = MergeCMA(space, evaluations, workers, popsize)
        else:
            self._optimizer = ng_base.registry[algorithm](space, budget=evaluations, num_workers=workers)

    def ask(self) -> Proposal:
        """See ``Search.ask``."""
        token = self._optimizer.ask()
        return Proposal(np.asarray(token.value, dtype=np.float64), token)

    def tell(self, proposal: Proposal, fitness: float | None) -> None:
        """See ``Search.tell``."""
        loss = INFEASIBLE_LOSS if fitness is None else -fitness
        with warnings.catch_warnings():
            # Warnings about single losses cannot be acted on from here; the record holds every one of them.
            warnings.simplefilter("ignore", ng.errors.NevergradWarning)
            self._optimizer.tell(proposal.token, loss)

    def center(self) -> Vector:
        """See ``Search.center``."""
        return np.asarray(self._optimizer.recommend().value, dtype=np.float64)


def check_algorithm(algorithm: str, population: int | None) -> None:
    """Refuse an unknown algorithm, or a population size that the algorithm has no place for.

    Raises:
        SpecError: naming ``search.algorithm`` or ``search.population``.
    """
    if algorithm not in ("cma", GREEDY_SOUP) and algorithm not in ng_base.registry:
        known = {"cma", GREEDY_SOUP, "DE", "TwoPointsDE", "PSO", "OnePlusOne", "TBPSA", "RandomSearch", "DiagonalCMA"}
        raise SpecError(
            "search.algorithm",
            f"'{algorithm}' is neither 'cma' nor 'greedy_soup' nor a name of nevergrad's registry",
            nearest(algorithm, known),
        )
    if population is not None and algorithm != "cma":
        raise SpecError(
            "search.population",
            f"only 'cma' takes a population size, '{algorithm}' chooses its own",
            "remove search.population or use algorithm: cma",
        )
