"""What a search's normal distribution looks like after an update, for people who watch it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from optimizer.search.box import Box
from optimizer.search.distribution import Distribution
from optimizer.search.interface import Coordinate

# More eigenvalues are shown as so many quantiles.
_EIGENVALUES = 16
# Of more coordinates than this, no deviations are kept.
_DEVIATIONS = 64


@dataclass(frozen=True)
class SearchState:
    """A distribution after an update; everything is in standardized units.

    Args:
        updates: of the search so far, those of earlier runs included.
        run: counts the restarts from 0.
        sigma: step size.
        axis_ratio: longest over shortest axis of ``C``.
        path_length: of the evolution path of the step size.
        expected_path_length: what that is under random selection.
        eigenvalues: of ``C`` in the prior's basis, descending; quantiles from the largest to the smallest where there
            are more than 16.
        bound_hits: share of the coordinates of the update's candidates that lay outside of their range.
        spread: mean distance of the update's candidates from the mean before it.
        deviations: of every coordinate; None where there are more than 64.
    """

    updates: int
    run: int
    sigma: float
    axis_ratio: float
    path_length: float
    expected_path_length: float
    eigenvalues: tuple[float, ...]
    bound_hits: float
    spread: float
    deviations: tuple[float, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """Return all but ``updates`` and ``run`` as JSON data of 6 digits; what is not finite becomes None."""
        return {name: _plain(value) for name, value in vars(self).items() if name not in ("updates", "run")}


@runtime_checkable
class Traced(Protocol):
    """What a search offers besides ``interface.Search`` where it keeps one normal distribution."""

    @property
    def updates(self) -> int:
        """Updates of the distribution so far, over all runs."""
        ...

    def state(self) -> SearchState:
        """Return the state after the last update; call it only after one."""
        ...


def state_of(distribution: Distribution, coordinates: Sequence[Coordinate]) -> SearchState:
    """Describe a distribution after an update, and the candidates that made it.

    Raises:
        ValueError: there was no update.
    """
    last, box = distribution.last, Box.of(coordinates)
    if last is None:
        raise ValueError("the distribution was never updated")
    values = distribution.eigenvalues.tolist()
    if len(values) > _EIGENVALUES:
        values = np.quantile(values, np.linspace(1, 0, _EIGENVALUES)).tolist()
    outside = (last.points < box.low) | (last.points > box.high)
    deviations = tuple(distribution.deviations.tolist()) if distribution.dimension <= _DEVIATIONS else None
    return SearchState(
        updates=distribution.updates,
        run=0,
        sigma=distribution.sigma,
        axis_ratio=math.sqrt(values[0] / values[-1]),
        path_length=distribution.path_length,
        expected_path_length=distribution.expected_path_length,
        eigenvalues=tuple(values),
        bound_hits=float(outside.mean()),
        spread=float(np.linalg.norm(last.points - last.mean, axis=1).mean()),
        deviations=deviations,
    )


def _plain(value: float | Sequence[float] | None) -> Any:
    if isinstance(value, Sequence):
        return [_plain(one) for one in value]
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
