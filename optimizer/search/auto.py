"""The default algorithm: chosen by what decides, and said in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optimizer.search.interface import SearchSetting
from optimizer.search.single_score import candidate_budget


@dataclass(frozen=True)
class AutoOptions:
    """Options of ``auto``.

    Args:
        pareto: search for trade-offs between the tasks instead of the best weighted mean.
    """

    pareto: bool = False


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


# With fewer candidates for each dimension a distribution cannot move far, a model of all results can.
FEW_CANDIDATES = 3
# A Gaussian process needs a minute per proposal beyond this many results.
MODEL_LIMIT = 200
# A kernel of COMO-CMA needs some generations of its own.
KERNEL_CANDIDATES = 400


def choose(setting: SearchSetting, options: AutoOptions) -> Choice:
    """Choose by dimension, budget in candidates, objectives and workers."""
    budget = candidate_budget(setting)
    objectives = len(np.unique(setting.items.tasks))
    size = f"{setting.dimension} dimensions and {'an open budget' if budget is None else f'{budget} candidates'}"
    if options.pareto and objectives > 1:
        return _choose_pareto(setting, budget, objectives, size)
    if budget is not None and setting.prior is None and budget < min(FEW_CANDIDATES * setting.dimension, MODEL_LIMIT):
        return Choice("optuna-gp", {}, f"{size} leave a model of all results the better chance without a prior")
    return Choice("merge-cma", {}, f"{size} are enough to move a search distribution on blocks of items")


def _choose_pareto(setting: SearchSetting, budget: int | None, objectives: int, size: str) -> Choice:
    if objectives == 2 and (budget is None or budget >= KERNEL_CANDIDATES):
        return Choice("como-cma", {}, f"2 objectives, {size} let several distributions share the front")
    return Choice("optuna-nsga2", {}, f"{objectives} objectives, {size} suit one population for the whole front")
