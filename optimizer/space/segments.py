"""Segments: consecutive coordinates of a genome that set one parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from merging.recipe import Recipe
from optimizer.search.interface import Coordinate
from optimizer.space.codings import Array, Coding


@dataclass(frozen=True)
class Gene(Coordinate):
    """One coordinate with the name that it has in the record.

    ``init``, ``step``, ``low`` and ``high`` are codes, see :mod:`optimizer.space.codings`: for a linear coding, the
    coefficient itself. A deviation from a coarser level starts at 0 and reaches half the range either way.
    """

    label: str


@dataclass(frozen=True)
class Segment:
    """The coordinates of one parameter: ``codes = start + across @ (steps * point) @ levels.T``.

    Args:
        parameter: name of the operators' parameter.
        methods: operators that take it; for others these coordinates do nothing.
        owners: experts whose coefficients they are; ``(None,)`` where the merge has but one.
        coding: from codes to coefficients.
        start: codes at standardized 0, shape (owners, slots); one slot is one value for the whole depth.
        across: shape (owners, columns): the experts' shares of a coordinate.
        levels: shape (slots, level coordinates).
        steps: codes at standardized 1, shape (level coordinates,).
        depths: of each level coordinate, 0 in the coarsest level.
        labels: of the coordinates, column by column, shape (columns * level coordinates,).
    """

    parameter: str
    methods: tuple[str, ...]
    owners: tuple[str | None, ...]
    coding: Coding
    start: Array
    across: Array
    levels: Array
    steps: Array
    depths: tuple[int, ...]
    labels: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.labels)

    def genes(self) -> list[Gene]:
        """Return the coordinates."""
        low, high = self.coding.ends
        found = []
        for column in range(self.across.shape[1]):
            shares = self.across[:, column]
            model = self.owners[int(np.argmax(shares))] if np.count_nonzero(shares) == 1 else None
            for index, (step, depth) in enumerate(zip(self.steps, self.depths, strict=True)):
                label = self.labels[column * len(self.steps) + index]
                cover = np.abs(self.levels[:, index])
                init = float(shares @ self.start @ cover / cover.sum() / (shares @ shares))
                if depth:
                    half = (high - low) / 2
                    found.append(Gene(self.parameter, model, 0.0, float(step), -half, half, label))
                else:
                    found.append(Gene(self.parameter, model, init, float(step), low, high, label))
        return found

    def decode(self, point: Array) -> Array:
        """Return the coefficients, shape (owners, slots), at this segment's part of a point."""
        return self.coding.decode(self._codes(point))

    def encode(self, values: Array) -> Array:
        """Return the smallest point whose coefficients are nearest to some, in codes."""
        across, levels = np.linalg.pinv(self.across), np.linalg.pinv(self.levels * self.steps)
        point: Array = across @ (self.coding.encode(values) - self.start) @ levels.T
        return point.reshape(-1)

    def jacobian(self, point: Array) -> Array:
        """Return the derivatives of the coefficients, shape (owners, slots, dimension)."""
        inner = self.coding.jacobian(self._codes(point))
        found: Array = np.einsum("ops,pc,sl->oscl", inner, self.across, self.levels * self.steps)
        return found.reshape(*self.start.shape, self.dimension)

    def started_at(self, values: Array) -> Segment:
        """Return the segment with coefficients, clipped into the range, at standardized 0."""
        return replace(self, start=self.coding.encode(values))

    def stored(self, recipe: Recipe, granularity: str, default: float) -> Array | None:
        """Return the coefficients in a recipe, shape (owners, slots); None where it has other slots."""
        setting = recipe.coefficients.get(self.parameter, (default,))
        slots = self.start.shape[1]
        rows = []
        for owner in self.owners:
            values = setting.get(owner or "", (default,)) if isinstance(setting, Mapping) else setting
            if len(values) > 1 and (len(values) != slots or recipe.granularity != granularity):
                return None
            rows.append(np.broadcast_to(np.array(values, dtype=np.float64), (slots,)))
        return np.array(rows)

    def describe(self) -> dict[str, Any]:
        """Return all that decides what a point means, as JSON data."""

        def rounded(numbers: Array) -> Any:
            # The last bits of a spline or logarithm differ between machines.
            return np.round(numbers, 9).tolist()

        return {
            "parameter": self.parameter,
            "methods": list(self.methods),
            "owners": list(self.owners),
            "coding": [self.coding.name, self.coding.low, self.coding.high],
            "start": rounded(self.start),
            "across": rounded(self.across),
            "levels": rounded(self.levels),
            "steps": rounded(self.steps),
            "labels": list(self.labels),
        }

    def _codes(self, point: Array) -> Array:
        columns = point.reshape(self.across.shape[1], len(self.steps))
        codes: Array = self.start + self.across @ (columns * self.steps) @ self.levels.T
        return codes
