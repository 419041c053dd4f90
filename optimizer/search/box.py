"""Where a search may go: the ranges of its coordinates, and the prior it starts from, in standardized units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.search.interface import Coordinate, SearchSetting, Vector

# What stands for a range without an end, in steps from the start: far enough never to bind a local search.
_FAR = 10.0


@dataclass(frozen=True)
class Box:
    """The ranges of the coordinates in standardized units, each of shape (dimension,)."""

    low: Vector
    high: Vector

    @classmethod
    def of(cls, coordinates: Sequence[Coordinate]) -> Box:
        """Convert the parameters' ranges; a range without an end goes on to infinity."""
        low = [(one.low - one.init) / one.step for one in coordinates]
        high = [(one.high - one.init) / one.step for one in coordinates]
        return cls(np.array(low, dtype=np.float64), np.array(high, dtype=np.float64))

    def finite(self) -> Box:
        """Return the box with every open end at ten steps from the start."""
        return Box(np.where(np.isfinite(self.low), self.low, -_FAR), np.where(np.isfinite(self.high), self.high, _FAR))

    def clip(self, points: Vector) -> Vector:
        """Move points outside to the nearest point inside, shape (..., dimension)."""
        return np.clip(points, self.low, self.high)

    def fold(self, points: Vector) -> Vector:
        """Reflect points outside back inside as the genome does, shape (..., dimension)."""
        points = np.asarray(points, dtype=np.float64)
        span = self.high - self.low
        closed = np.isfinite(span) & (span > 0)
        safe_low, safe_span = np.where(closed, self.low, 0.0), np.where(closed, span, 1.0)
        offset = (points - safe_low) % (2 * safe_span)
        folded = safe_low + np.minimum(offset, 2 * safe_span - offset)
        inside = (points >= self.low) & (points <= self.high)
        # An open-ended range has one wall at most, which reflects once.
        once = np.where(points < self.low, 2 * self.low - points, 2 * self.high - points)
        outside = np.where(closed, folded, np.where(span > 0, once, np.broadcast_to(self.low, points.shape)))
        found: Vector = np.where(inside, points, outside)
        return found


@dataclass(frozen=True)
class Frame:
    """The coordinate system of an unbounded search: the prior's mean is 0 and its covariance the identity."""

    mean: Vector
    factor: Vector | None

    @classmethod
    def of(cls, setting: SearchSetting) -> Frame:
        """Take the setting's prior; without one, standardized units as they are."""
        if setting.prior is None:
            return cls(np.zeros(setting.dimension), None)
        return cls(setting.prior.mean, setting.prior.factor)

    def point(self, z: Vector) -> Vector:
        """Return the point of ``z``, both of shape (dimension,)."""
        offset: Vector = z if self.factor is None else self.factor @ z
        return self.mean + offset
