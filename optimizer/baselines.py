"""The models every merge has to beat: parents and the merges that need no search.

They are scored before the search, with the same items, and they are candidates like any other: where no searched
merge beats them, one of them is the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from merging.recipe import Recipe
from optimizer.jobs import Subject

Role = Literal["base", "expert", "uniform", "scale"]

# One coefficient for all experts; the published optima lie on this line (arXiv 2212.04089, 2505.10833).
SCALES = (0.3, 0.5, 0.7, 0.85, 1.0)


@dataclass(frozen=True)
class Baseline:
    """A merge that costs no search."""

    label: str
    role: Role
    recipe: Subject


def baselines(models: Sequence[str]) -> tuple[Baseline, ...]:
    """Return base, experts, uniform mean and the task-arithmetic scale line, without repetitions.

    All are task arithmetic (arXiv 2212.04089): the base has every weight 0, an expert has its own weight 1, the
    uniform mean has every weight 1/N.
    """
    names = tuple(models)
    found = [
        Baseline("base", "base", _task_arithmetic(names, dict.fromkeys(names, 0.0))),
        *(
            Baseline(f"expert {name}", "expert", _task_arithmetic(names, dict.fromkeys(names, 0.0) | {name: 1.0}))
            for name in names
        ),
        Baseline("uniform mean", "uniform", _task_arithmetic(names, dict.fromkeys(names, 1.0 / len(names)))),
        *(
            Baseline(f"task arithmetic {scale:g}", "scale", _task_arithmetic(names, dict.fromkeys(names, scale)))
            for scale in SCALES
        ),
    ]
    unique: dict[str, Baseline] = {}
    for baseline in found:
        unique.setdefault(baseline.recipe.digest(), baseline)
    return tuple(unique.values())


def _task_arithmetic(models: tuple[str, ...], weights: dict[str, float]) -> Recipe:
    coefficients = {"weight": {name: (weight,) for name, weight in weights.items()}}
    return Recipe("task_arithmetic", models, "global", coefficients, {})
