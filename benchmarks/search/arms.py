"""The arms of the comparison: evomerge's search, its ablations, and everybody else's settings from the catalog."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from runner import Arm
from simulated_screen import Screen

from optimizer.search.catalog import make_search
from optimizer.search.interface import Proposal, Scores, Search, SearchSetting, Vector, standardized
from optimizer.search.preselection import PreselectingCma
from optimizer.search.presets import MergekitEvolve

OURS, RIVAL = "merge-cma", "mergekit-evolve"


class MergekitEvolveMean(MergekitEvolve):
    """mergekit-evolve's search with the mean of its distribution as center: a better bet than its own best sample."""

    def center(self) -> Vector:
        """Mean of the distribution."""
        mean = np.asarray(self._strategy.mean, dtype=np.float64)
        return standardized(self.setting.coordinates, self._coefficients(mean))


class Grid:
    """Task arithmetic tuned by hand: one weight for each expert where there are two, else one for all.

    A regular grid over [0, 1.3] with as many points as the budget has passes, 64 at most.
    """

    def __init__(self, setting: SearchSetting) -> None:
        self._setting = setting
        names = list(dict.fromkeys(one.model for one in setting.coordinates))
        passes = min(64, (setting.item_evaluations or 0) // setting.items.count)
        axes = len(names) if len(names) == 2 else 1
        line = np.linspace(0, 1.3, max(2, math.floor(passes ** (1 / axes) + 1e-9)))
        points = [
            dict(zip(names, np.resize(values, len(names)), strict=True))
            for values in itertools.product(line, repeat=axes)
        ]
        self._points = [
            standardized(setting.coordinates, np.array([weights[one.model] for one in setting.coordinates]))
            for weights in points
        ]
        self._asked = 0
        self._best: tuple[float, Vector] = (-math.inf, np.zeros(setting.dimension))

    def ask(self) -> Proposal | None:
        """Propose the next point of the grid."""
        if self._asked == len(self._points):
            return None
        self._asked += 1
        return Proposal(self._asked - 1, self._points[self._asked - 1])

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """Keep the best."""
        fitness = -math.inf if scores is None else self._setting.items.fitness(scores)
        if fitness > self._best[0]:
            self._best = (fitness, proposal.point)

    def center(self) -> Vector:
        """The best point of the grid."""
        return self._best[1]


class BestSeed:
    """No search at all: the seed with the best score, which the arm starts from."""

    def __init__(self, setting: SearchSetting) -> None:
        self._dimension = setting.dimension

    def ask(self) -> None:
        """Propose nothing."""

    def tell(self, proposal: Proposal, scores: Scores | None) -> None:
        """Nothing is ever told."""

    def center(self) -> Vector:
        """The start."""
        return np.zeros(self._dimension)


def _from_catalog(name: str, options: Mapping[str, Any] | None = None) -> Callable[[SearchSetting], Search]:
    return lambda setting: make_search(name, setting, options or {})


def _ours(name: str, block_size: int | None = None, **options: Any) -> Arm:
    return Arm(name, _from_catalog("merge-cma", options), True, "center", True, block_size)


def _known(name: str, algorithm: str | None = None, **options: Any) -> Arm:
    return Arm(name, _from_catalog(algorithm or name, options), True, "best", keeps_mean=algorithm == "pycma")


def _published(name: str) -> Arm:
    return Arm(name, _from_catalog(name), False, "best")


MAIN = (
    _ours(OURS),
    Arm(RIVAL, MergekitEvolveMean, False, "best"),
    _published("evo-merging"),
    # mergekit-evolve's CMA-ES without its start and its early stop: what is left is the algorithm.
    _known("pycma-full", "pycma", diagonal=False, sigma=1 / 6 / 0.23),
    _known("pycma", "pycma"),
    Arm("grid", Grid, False, "best"),
    Arm("best-seed", BestSeed, True, "center"),
)
# Optuna and nevergrad take seconds for a run, so these are on a few tasks only.
SLOW = (
    _published("sakana"),
    _published("lorahub"),
    _known("NGOpt"),
    _known("optuna-random"),
    _known("optuna-tpe"),
    _known("optuna-gp"),
)
ABLATIONS = (
    _ours(OURS),
    _ours("fixed block", rotate=False),
    Arm("one block of all items", _from_catalog("merge-cma"), True, "center"),
    _ours("plain rank weights", bootstrap_weights=False),
    _ours("growing population", growing_population=True),
    _ours("growing blocks", growing_blocks=True),
    _ours("racing", racing=True),
    _ours("no negative weights", active=False),
    _ours("diagonal covariance", separable_above=0),
    _ours("speculative", asynchronous="speculative"),
    _ours("barrier", asynchronous="barrier"),
    _ours("no confirmation", confirm_mean=False),
    _ours("restarts", restarts=True),
    _ours("blocks of 16", 16),
    _ours("blocks of 64", 64),
    Arm("gradient prior", _from_catalog("merge-cma"), True, "center", True, prior="gradient"),
    Arm("gradient prior, shaped", _from_catalog("merge-cma"), True, "center", True, prior="shaped"),
    Arm("from uniform", _from_catalog("merge-cma"), False, "center", blocks=True),
)


# Kendall's rank correlation of normal scores is 2/pi * arcsin of Pearson's.
SCREENED = (
    *(
        Arm(f"screened, tau {tau:g}", PreselectingCma, True, "center", True, screen=Screen(math.sin(math.pi / 2 * tau)))
        for tau in (0.9, 0.7, 0.5, 0.3, 0.0)
    ),
    Arm("screened, no lots", PreselectingCma, True, "center", True, screen=Screen(0.95, lots=0.0)),
    Arm("screened, six each", PreselectingCma, True, "center", True, screen=Screen(0.95, proposals=6)),
    Arm("screened, charged", PreselectingCma, True, "center", True, screen=Screen(0.95, charged=True)),
)


def arms_named(names: list[str]) -> list[Arm]:
    """Return arms by name.

    Raises:
        SystemExit: a name is unknown.
    """
    known = {arm.name: arm for arm in (*MAIN, *SLOW, *ABLATIONS, *SCREENED)}
    missing = [name for name in names if name not in known]
    if missing:
        raise SystemExit(f"no arm is named {', '.join(missing)}; known: {', '.join(known)}")
    return [known[name] for name in names]
