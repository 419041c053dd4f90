"""Evo-Merging's two stages: first how much of each expert is kept, then how strongly each one counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.search.interface import DENSITY, WEIGHT, Positions, SearchSetting, Vector, standardized
from optimizer.search.presets import L1_PENALTY
from optimizer.search.pycma import cma_seed, strategy
from optimizer.search.single_score import Asked, SingleScoreSearch, candidate_budget, ranked_losses

POPSIZE, SIGMA = 20, 0.05
# What their two stages take, and where the spec's budget is another, the shares of it.
STAGE_CANDIDATES = (400, 800)
WEIGHT_RANGE = (-1.5, 1.5)


class EvoMerging(SingleScoreSearch):
    """The two stages of Evo-Merging (arXiv 2509.12951; Chansl-Lucky/Black-Box-Merging, 739c9c8).

    Stage 1 searches the densities in [0, 1] from 1, on the bound, with every weight at 1/n; stage 2 searches the
    weights in [-1.5, 1.5] from 1/n with the best densities of stage 1. Each is a pycma CMA-ES with sigma 0.05, a
    population of 20, hard bounds and default stop criteria, on the loss plus 0.05 times the mean absolute coefficient.
    The budget is shared 1 to 2. A space without densities has only stage 2. Other parameters stay at their start.

    Their loss is a cross-entropy, here it is the negative fitness; they prune one factor of each adapter, here the
    merge method does what its density means; and the spec's narrower ranges hold.
    """

    def __init__(self, setting: SearchSetting) -> None:
        super().__init__(setting)
        names = np.array([one.parameter for one in setting.coordinates])
        models = max(1, len({one.model for one in setting.coordinates if one.model is not None}))
        self._values = np.array([one.init for one in setting.coordinates], dtype=np.float64)
        self._values[names == DENSITY] = 1.0
        self._values[names == WEIGHT] = 1.0 / models
        total = candidate_budget(setting) or sum(STAGE_CANDIDATES)
        densities, weights = np.flatnonzero(names == DENSITY), np.flatnonzero(names == WEIGHT)
        first = total * STAGE_CANDIDATES[0] // sum(STAGE_CANDIDATES) if len(weights) else total
        self._stages: deque[_Stage] = deque()
        if len(densities):
            self._stages.append(self._stage(densities, (0.0, 1.0), first, "densities"))
            total -= first
        if len(weights):
            self._stages.append(self._stage(weights, WEIGHT_RANGE, total, "weights"))

    def center(self) -> Vector:
        """The best sample of the latest stage by its loss, as they report it."""
        values = self._values.copy()
        if self._stages and self._stages[0].best is not None:
            values[self._stages[0].places] = self._stages[0].best
        return standardized(self.setting.coordinates, values)

    def _stage(self, places: Positions, limits: tuple[float, float], candidates: int, stream: str) -> _Stage:
        low = np.maximum([self.setting.coordinates[place].low for place in places], limits[0])
        high = np.minimum([self.setting.coordinates[place].high for place in places], limits[1])
        start = np.clip(self._values[places], low, high)
        options: dict[str, Any] = {"popsize": POPSIZE, "bounds": [low.tolist(), high.tolist()]}
        if len(places) == 1:
            # pycma 4.5 fails where it wants to limit the step of a single bounded coefficient.
            options["maxstd"] = np.inf
        return _Stage(places, candidates, strategy(start, SIGMA, cma_seed(self.setting.seed, stream), options))

    def _ask(self) -> Asked | None:
        while self._stages:
            stage = self._stages[0]
            if not stage.unasked:
                if self._in_flight:
                    return None
                if stage.strategy.stop() or stage.strategy.countevals >= stage.candidates:
                    self._close(stage)
                    continue
                stage.unasked.extend(stage.strategy.ask())
            found = np.asarray(stage.unasked.popleft(), dtype=np.float64)
            values = self._values.copy()
            values[stage.places] = found
            return Asked(standardized(self.setting.coordinates, values), found)
        return None

    def _close(self, stage: _Stage) -> None:
        if stage.best is not None:
            self._values[stage.places] = stage.best
        self._stages.popleft()

    def _tell(self, asked: Asked, fitness: float | None) -> None:
        stage = self._stages[0]
        penalised = None if fitness is None else fitness - L1_PENALTY * float(np.abs(asked.token).mean())
        stage.told.append((asked.token, penalised))
        if penalised is not None and penalised > stage.best_value:
            stage.best, stage.best_value = asked.token, penalised
        if not stage.unasked and not self._in_flight:
            samples, losses = zip(*stage.told, strict=True)
            stage.told = []
            stage.strategy.tell(list(samples), ranked_losses(losses))


@dataclass
class _Stage:
    places: Positions
    candidates: int
    strategy: Any
    unasked: deque[Vector] = field(default_factory=deque)
    told: list[tuple[Vector, float | None]] = field(default_factory=list)
    best: Vector | None = None
    best_value: float = -np.inf
