"""COMO-CMA-ES: one CMA-ES per trade-off, each improving the volume that all cover together."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import comocma
import numpy as np

from optimizer.search.box import Frame
from optimizer.search.declared import ComoOptions
from optimizer.search.interface import SearchSetting, Vector
from optimizer.search.pareto import ParetoSearch
from optimizer.search.pycma import NEVER_STOP, SINGLE_SAMPLES, cma_seed, default_popsize
from optimizer.search.single_score import Asked


class ComoCma(ParetoSearch):
    """COMO-CMA-ES (Toure et al., arXiv 1904.08823) by its authors' package, on the mean scores of the tasks.

    Every kernel is a CMA-ES whose fitness is the uncrowded hypervolume improvement over the other kernels' means, so
    the means are candidates too. As many kernels sample at once as keep the workers busy; the next ones wait for all
    of their results. The volume is measured above a point as far below the worst scores of the first generation as
    its scores are spread.
    """

    def __init__(self, setting: SearchSetting, options: ComoOptions) -> None:
        super().__init__(setting)
        self._frame = Frame.of(setting)
        popsize = options.popsize or default_popsize(setting.dimension)
        self._at_once = min(options.kernels, math.ceil(setting.workers / popsize))
        self._search: Any = comocma.Sofomore(
            [_kernel(setting, popsize, index) for index in range(options.kernels)],
            opts={"verb_log": 0, "verb_disp": 0, "archive": False, "update_order": lambda index: index},
        )
        self._batch: list[Vector] = []
        self._unasked: deque[int] = deque()
        self._losses: dict[int, Vector | None] = {}

    def _ask(self) -> Asked | None:
        if not self._unasked:
            if self._in_flight:
                return None
            self._batch = [np.asarray(z, dtype=np.float64) for z in self._search.ask(self._at_once)]
            self._unasked.extend(range(len(self._batch)))
        place = self._unasked.popleft()
        return Asked(self._frame.point(self._batch[place]), place)

    def _tell(self, asked: Asked, objectives: Vector | None) -> None:
        self._losses[asked.token] = None if objectives is None else -objectives
        if len(self._losses) < len(self._batch):
            return
        losses, self._losses = self._losses, {}
        if not self.archive.front:
            # Nothing to learn from and no scale yet: the same distributions are drawn from again.
            return
        worst = -self._infeasible_objectives()
        if self._search.reference_point is None:
            self._search.reference_point = worst.tolist()
        found = [losses[place] for place in range(len(self._batch))]
        self._search.tell(self._batch, [(worst if loss is None else loss).tolist() for loss in found])


def _kernel(setting: SearchSetting, popsize: int, index: int) -> Any:
    draws = np.random.RandomState(cma_seed(setting.seed, f"kernel {index}"))
    options = {**NEVER_STOP, **SINGLE_SAMPLES, "popsize": popsize, "randn": draws.randn, "seed": np.nan}
    return comocma.CmaKernel(np.zeros(setting.dimension), 1.0, {**options, "verbose": -9, "verb_log": 0})
