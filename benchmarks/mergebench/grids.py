"""MergeBench's methods (arXiv 2505.10833) and the values that each is tried with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

GRIDS: Mapping[str, Mapping[str, Sequence[float]]] = {
    "linear": {},
    "task_arithmetic": {"lambda": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)},
    "ties": {"density": (0.1, 0.2, 0.5), "lambda": (0.4, 0.7, 1.0, 1.4)},
    "dare_linear": {"density": (0.1, 0.5, 0.8), "lambda": (0.4, 0.6, 0.8, 1.0)},
    "consensus": {"tall_lambda": (0.2, 0.4, 0.6), "lambda": (0.4, 0.7, 1.0)},
    "localize_and_stitch": {"density": (0.05, 0.1, 0.2), "lambda": (0.4, 0.7, 1.0, 1.4)},
    "fisher": {"lambda": (0.6, 1.0, 1.4, 1.8)},
    "regmean": {"lambda": (0.6, 1.0, 1.4, 1.8)},
}
# These look at data: the demo's calibration examples.
CALIBRATED = ("fisher", "regmean")


def grid_of(method: str) -> list[dict[str, float]]:
    """Return the points of a method's grid; a method with nothing to tune has one."""
    grid = GRIDS[method]
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
