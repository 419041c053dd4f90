"""Samplers of Optuna (Akiba et al. 2019, arXiv 1907.10902) behind the project's interface."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from optimizer.search.declared import CmaOptions, GpOptions, Nsga2Options, TpeOptions
from optimizer.search.interface import SearchSetting, Vector
from optimizer.search.pareto import ParetoSearch
from optimizer.search.pycma import default_popsize
from optimizer.search.single_score import Asked, SingleScoreSearch


class OptunaStudy:
    """A study in memory over a finite box: points out, values in, larger being better."""

    def __init__(self, sampler: BaseSampler, low: Vector, high: Vector, num_objectives: int = 1) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space: dict[str, BaseDistribution] = {
            f"x{index}": FloatDistribution(float(a), float(b))
            for index, (a, b) in enumerate(zip(low, high, strict=True))
        }
        self._study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(), sampler=sampler, directions=["maximize"] * num_objectives
        )

    def start_at(self, point: Vector) -> None:
        """Make the first trial this point, shape (dimension,)."""
        self._study.enqueue_trial(dict(zip(self._space, map(float, point), strict=True)))

    def ask(self) -> Asked:
        """Open a trial."""
        with _quiet():
            trial = self._study.ask(self._space)
        return Asked(np.array([trial.params[name] for name in self._space], dtype=np.float64), trial)

    def tell(self, asked: Asked, values: Sequence[float]) -> None:
        """Close a trial."""
        with _quiet():
            self._study.tell(asked.token, list(values))


class Optuna(SingleScoreSearch):
    """A sampler of Optuna for one objective.

    The parameters' ranges are the sampler's box, and its first trial is the start (the prior's mean where there is
    one). Infeasible candidates count as worse than all so far. The result is the best by a model of all scores:
    Optuna itself reports the best single one.
    """

    def __init__(self, setting: SearchSetting, sampler: BaseSampler, *, from_start: bool = True) -> None:
        super().__init__(setting)
        box = self.box.finite()
        self._study = OptunaStudy(sampler, box.low, box.high)
        if from_start:
            self._study.start_at(box.clip(self._start()))
        self._held: list[Asked] = []

    def _ask(self) -> Asked:
        return self._study.ask()

    def _tell(self, asked: Asked, fitness: float | None) -> None:
        if fitness is None and not self._fitness:
            # A made-up value far from the scale of the fitness, still unknown, would spoil every model.
            self._held.append(asked)
            return
        for held in self._held:
            self._study.tell(held, [self._infeasible_fitness()])
        self._held = []
        self._study.tell(asked, [self._infeasible_fitness() if fitness is None else fitness])


class OptunaNsga2(ParetoSearch):
    """NSGA-II (Deb et al. 2002) on the mean scores of the tasks, all objectives at once.

    The parameters' ranges are its box, and its first candidate is the start.
    """

    def __init__(self, setting: SearchSetting, options: Nsga2Options) -> None:
        super().__init__(setting)
        box = self.box.finite()
        sampler = NSGAIISampler(population_size=options.popsize, seed=setting.seed)
        self._study = OptunaStudy(sampler, box.low, box.high, len(self.tasks))
        self._study.start_at(box.clip(self._start()))
        self._held: list[Asked] = []

    def _ask(self) -> Asked:
        return self._study.ask()

    def _tell(self, asked: Asked, objectives: Vector | None) -> None:
        if objectives is None and not self.archive.front:
            self._held.append(asked)
            return
        for held in self._held:
            self._study.tell(held, self._infeasible_objectives().tolist())
        self._held = []
        self._study.tell(asked, (self._infeasible_objectives() if objectives is None else objectives).tolist())


def tpe(setting: SearchSetting, options: TpeOptions) -> Optuna:
    """Tree-structured Parzen estimator (Bergstra et al. 2011; Watanabe, arXiv 2304.11127)."""
    return Optuna(
        setting,
        _sampler(
            lambda: TPESampler(
                n_startup_trials=options.startup,
                multivariate=options.multivariate,
                constant_liar=True,
                seed=setting.seed,
            )
        ),
    )


def gp(setting: SearchSetting, options: GpOptions) -> Optuna:
    """Gaussian process with a Matern-5/2 kernel, estimated noise and log expected improvement."""
    return Optuna(setting, _sampler(lambda: GPSampler(n_startup_trials=options.startup, seed=setting.seed)))


def cma(setting: SearchSetting, options: CmaOptions) -> Optuna:
    """Optuna's CMA-ES: it starts in the middle of the ranges with a sixth of them as step, clips at the bounds."""
    popsize = options.popsize or max(default_popsize(setting.dimension), setting.workers)
    return Optuna(
        setting,
        _sampler(lambda: CmaEsSampler(popsize=popsize, use_separable_cma=options.separable, seed=setting.seed)),
    )


def random(setting: SearchSetting) -> Optuna:
    """Uniform random points of the ranges."""
    return Optuna(setting, RandomSampler(seed=setting.seed))


def _sampler(build: Callable[[], BaseSampler]) -> BaseSampler:
    with _quiet():
        return build()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's notes that a sampler is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
