"""The default algorithm: chosen by what decides, and said in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.search.interface import SearchSetting
from optimizer.search.single_score import candidate_budget


@dataclass(frozen=True)
class Choice:
    """What was chosen, as the record keeps it.

    Args:
        algorithm: its name in the catalog.
        options: for it, by name.
        reason: one sentence for people.
    """

    algorithm: str
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


# Measured on synthetic merge tasks of 100 items with 2 in flight (share of the way from start to optimum, 4 to 16
# seeds; ranges of 10 and 20 steps). Up to 3 dimensions and 50 candidates a Gaussian process reaches 0.94-0.997 and
# merge-cma 0.92-0.98. Up to 5 dimensions and from 20 candidates for each on, TPE reaches 0.96-0.998 and merge-cma
# 0.94-0.99. From 8 dimensions on merge-cma leads wherever ranges are wide, by 0.1 to 0.7, and nothing leads it in both
# settings.
MODEL_DIMENSIONS, MODEL_CANDIDATES, MODEL_WORKERS = 3, 50, 4
DENSE_DIMENSIONS, DENSE_CANDIDATES = 5, 20
# Each of COMO-CMA's five kernels needs some generations of its own.
KERNEL_CANDIDATES = 400


def choose(setting: SearchSetting, *, pareto: bool = False) -> Choice:
    """Choose by dimension, budget in candidates, objectives, workers, and whether there is a prior.

    Args:
        setting: as for the algorithm.
        pareto: search for trade-offs between the tasks instead of the best weighted mean.
    """
    budget, dimension = candidate_budget(setting), setting.dimension
    objectives = len(np.unique(setting.items.tasks))
    spent_on = "an open budget" if budget is None else f"a budget of {budget} candidates"
    size = f"{dimension} dimension{'s' * (dimension > 1)} and {spent_on}"
    if pareto and objectives > 1:
        return _choose_pareto(budget, objectives, size)
    if setting.prior is None and budget is not None:
        few = dimension <= MODEL_DIMENSIONS and budget <= MODEL_CANDIDATES
        if few and setting.workers <= MODEL_WORKERS:
            return Choice("optuna-gp", {}, f"with {size} a model of all results gets the most out of each")
        if dimension <= DENSE_DIMENSIONS and budget >= DENSE_CANDIDATES * dimension:
            return Choice("optuna-tpe", {}, f"with {size} the whole range can be covered")
    prior = "" if setting.prior is None else ", and a prior that it can start from"
    return Choice("merge-cma", {}, f"with {size}{prior}, small blocks of items and a search distribution go furthest")


def _choose_pareto(budget: int | None, objectives: int, size: str) -> Choice:
    if objectives == 2 and (budget is None or budget >= KERNEL_CANDIDATES):
        return Choice("como-cma", {}, f"with 2 objectives, {size}, several distributions can share the front")
    return Choice("optuna-nsga2", {}, f"with {objectives} objectives, {size}, one population covers the front")
