"""pycma's CMA-ES (Hansen, arXiv 1604.00772), for noisy and tied fitness and workers that do not wait."""

from __future__ import annotations

import math
import zlib
from typing import Any

import cma
import numpy as np
from cma.sigma_adaptation import CMAAdaptSigmaCSA

from optimizer.search.box import Frame
from optimizer.search.declared import PycmaOptions
from optimizer.search.interface import SearchSetting, Vector
from optimizer.search.single_score import Asked, SingleScoreSearch, ranked_losses

# Above this dimension a full covariance learns nothing within a realistic budget, a diagonal one still does.
FULL_COVARIANCE_LIMIT = 10
# Accuracy on a few items is full of ties and plateaus: none of pycma's stop tests may end or restart the search.
NEVER_STOP = {
    "tolflatfitness": np.inf,
    "tolstagnation": np.inf,
    "tolconditioncov": np.inf,
    "tolupsigma": np.inf,
    "tolfacupx": np.inf,
    "tolxstagnation": False,
    "tolfun": 0,
    "tolfunhist": 0,
    "tolfunrel": 0,
    "tolx": 0,
    "maxiter": np.inf,
}
# pycma's own choice from 300 diagonal dimensions on needs samples of its own making in every generation, which
# late results break.
SINGLE_SAMPLES = {"AdaptSigma": CMAAdaptSigmaCSA, "CMA_mirrors": 0}


class Pycma(SingleScoreSearch):
    """CMA-ES with one distribution that every told generation moves and every ask draws from.

    Points are drawn one at a time from the newest distribution, so only those in flight are stale. It never restarts
    on ties and is never elitist: an elite of a noisy fitness is a lucky sample. Above ten dimensions the covariance is
    diagonal (Ros & Hansen 2008). A prior gives the first mean and covariance.
    """

    def __init__(self, setting: SearchSetting, options: PycmaOptions) -> None:
        super().__init__(setting)
        self._frame = Frame.of(setting)
        diagonal = setting.dimension > FULL_COVARIANCE_LIMIT if options.diagonal is None else options.diagonal
        popsize = options.popsize or max(default_popsize(setting.dimension), setting.workers)
        self._strategy = strategy(
            np.zeros(setting.dimension),
            options.sigma,
            setting.seed,
            {**NEVER_STOP, **SINGLE_SAMPLES, "popsize": popsize, "CMA_diagonal": diagonal},
        )
        self._told: list[tuple[Vector, float | None]] = []
        self._asked_since_update = False

    def center(self) -> Vector:
        """Mean of the search distribution."""
        return self._frame.point(np.asarray(self._strategy.mean, dtype=np.float64))

    def _ask(self) -> Asked:
        z = self._draw()
        return Asked(self._frame.point(z), z)

    def _tell(self, asked: Asked, fitness: float | None) -> None:
        self._told.append((asked.token, fitness))
        if len(self._told) >= self._strategy.popsize:
            samples, values = zip(*self._told, strict=True)
            self._told = []
            if not self._asked_since_update:
                # pycma takes a generation only after an ask, and late results come without.
                self._draw()
            self._strategy.tell(list(samples), ranked_losses(values))
            self._asked_since_update = False

    def _draw(self) -> Vector:
        (z,) = self._strategy.ask(number=1)
        self._asked_since_update = True
        return np.asarray(z, dtype=np.float64)


def strategy(start: Vector, sigma: float, seed: int, options: dict[str, Any]) -> cma.CMAEvolutionStrategy:
    """Build a silent pycma strategy whose draws are its own, independent of numpy's global state."""
    draws = np.random.RandomState(cma_seed(seed))
    return cma.CMAEvolutionStrategy(
        start, sigma, {"randn": draws.randn, "seed": np.nan, "verbose": -9, "verb_log": 0, **options}
    )


def cma_seed(seed: int, stream: str = "") -> int:
    """Seed of one stream of random numbers; the seed itself for the only one of an algorithm."""
    return seed % 2**32 if not stream else zlib.crc32(f"{seed} {stream}".encode())


def default_popsize(dimension: int) -> int:
    """CMA-ES's default population size, ``4 + floor(3 ln d)``."""
    return 4 + int(3 * math.log(max(dimension, 1)))
