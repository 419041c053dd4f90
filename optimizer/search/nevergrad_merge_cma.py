"""MergeCMA in nevergrad's registry, for losses that are one number: the distribution without blocks and items."""

from __future__ import annotations

from typing import Any

import numpy as np
from nevergrad.optimization import base as ng_base

from optimizer.search.distribution import Distribution, Sample, log_weights
from optimizer.search.interface import Vector
from optimizer.search.merge_cma import MergeCmaOptions, default_popsize
from optimizer.search.rank_weights import rank_weights


@ng_base.registry.register
class MergeCMA(ng_base.Optimizer):  # type: ignore[misc]
    """CMA-ES for noisy, tied losses and asynchronous workers (Hansen, arXiv 1604.00772).

    Every point is drawn from the newest distribution and every ``popsize`` results make one update, whichever
    distribution they were drawn from. It never restarts, is never elitist, and recommends the mean. Points told
    without being asked count as steps from the present mean.
    """

    def __init__(
        self, parametrization: Any, budget: int | None = None, num_workers: int = 1, popsize: int | None = None
    ) -> None:
        super().__init__(parametrization, budget=budget, num_workers=num_workers)
        options = MergeCmaOptions()
        self._popsize = popsize or default_popsize(self.dimension)
        self._active = options.active and self.dimension > options.active_above
        self._distribution = Distribution(np.zeros(self.dimension), separable=self.dimension > options.separable_above)
        self._random = np.random.default_rng(self._rng.randint(2**31))
        self._samples: dict[str, Sample] = {}
        self._told: list[tuple[Sample, float]] = []

    @property
    def mean(self) -> Vector:
        """Mean of the search distribution, shape (dimension,), standardized units."""
        return self._distribution.mean

    def _internal_ask_candidate(self) -> Any:
        sample = self._distribution.sample(self._random)
        candidate = self.parametrization.spawn_child()
        candidate.set_standardized_data(sample.point, reference=self.parametrization)
        self._samples[candidate.uid] = sample
        return candidate

    def _internal_tell_candidate(self, candidate: Any, loss: float) -> None:
        self._add(self._samples.pop(candidate.uid), loss)

    def _internal_tell_not_asked(self, candidate: Any, loss: float) -> None:
        point = candidate.get_standardized_data(reference=self.parametrization)
        self._add(self._distribution.sample_of(point), loss)

    def _add(self, sample: Sample, loss: float) -> None:
        self._told.append((sample, loss))
        if len(self._told) < self._popsize:
            return
        samples, losses = zip(*self._told, strict=True)
        self._told = []
        weights = rank_weights(-np.array(losses), log_weights(self._popsize, active=self._active))
        self._distribution.update(samples, weights)

    def _internal_provide_recommendation(self) -> Vector:
        return self.mean
