"""Codings: the scale on which a search takes equal steps, and the way back to a coefficient.

A code is what coordinates add up to. Codes outside the range are reflected back inside before they are decoded, so
that every point of the search space is a merge.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MARGIN = 0.01
"""Log-odds are infinite at 0 and 1; the scale is that of the inside and stretched over the ends."""
_LARGEST_LOG_RATIO = float(np.log(100.0))
_SHARES_SPAN = 4.0


@dataclass(frozen=True)
class Coding(ABC):
    """A scale with its range, in units of the coefficient.

    Codes and values are arrays of shape (experts, slots); a merge-wide parameter has one row.
    """

    low: float
    high: float
    name: ClassVar[str]

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Lowest and highest code."""

    @property
    def span(self) -> float:
        """The length of the range in codes, which initial steps are a fraction of."""
        low, high = self.ends
        return high - low

    @abstractmethod
    def encode(self, values: Array) -> Array:
        """Return the codes of values, clipped into the range."""

    @abstractmethod
    def decode(self, codes: Array) -> Array:
        """Return the values of codes, reflected into the range and rounded to the same text on every machine."""

    @abstractmethod
    def jacobian(self, codes: Array) -> Array:
        """Return the derivatives of values in codes, shape (experts, experts, slots)."""

    def _folded(self, codes: Array) -> Array:
        low, high = self.ends
        offset = (codes - low) % (2 * (high - low))
        folded: Array = low + np.where(offset <= high - low, offset, 2 * (high - low) - offset)
        return folded

    def _direction(self, codes: Array) -> Array:
        """Return 1 where reflection leaves the direction of a step as it is, -1 where it turns it round."""
        low, high = self.ends
        direction: Array = np.where((codes - low) % (2 * (high - low)) <= high - low, 1.0, -1.0)
        return direction


class _Single(Coding):
    """A scale of single coefficients."""

    def jacobian(self, codes: Array) -> Array:
        slopes = self._slope(self._folded(codes)) * self._direction(codes)
        return np.eye(len(codes))[:, :, None] * slopes[None]

    @abstractmethod
    def _slope(self, codes: Array) -> Array:
        """Return the derivative of the value at codes inside the range."""

    def _clipped(self, values: Array) -> Array:
        return np.clip(values, self.low, self.high)


class Linear(_Single):
    """The coefficient itself."""

    name = "linear"

    @property
    def ends(self) -> tuple[float, float]:
        """The range."""
        return self.low, self.high

    def encode(self, values: Array) -> Array:
        """Clip."""
        return self._clipped(values)

    def decode(self, codes: Array) -> Array:
        """Reflect, and round to 1e-6: finer than any weight format can tell apart."""
        return self._clipped(np.round(self._folded(codes), 6))

    def _slope(self, codes: Array) -> Array:
        return np.ones_like(codes)


class Log(_Single):
    """The logarithm, for positive coefficients whose order of magnitude is in question."""

    name = "log"

    @property
    def ends(self) -> tuple[float, float]:
        """Logarithms of the range."""
        return float(np.log(self.low)), float(np.log(self.high))

    def encode(self, values: Array) -> Array:
        """Take the logarithm."""
        codes: Array = np.log(self._clipped(values))
        return codes

    def decode(self, codes: Array) -> Array:
        """Raise e to the codes."""
        return self._clipped(_significant(np.exp(self._folded(codes))))

    def _slope(self, codes: Array) -> Array:
        slope: Array = np.exp(codes)
        return slope


class Logit(_Single):
    """Log-odds, for fractions: equal steps change 0.02 to 0.04 and 0.98 to 0.96 alike. 0 and 1 can be reached."""

    name = "logit"

    @property
    def ends(self) -> tuple[float, float]:
        """Log-odds of the range."""
        low, high = self._inner
        return float(np.log(low / (1 - low))), float(np.log(high / (1 - high)))

    @property
    def _inner(self) -> tuple[float, float]:
        return self.low or _MARGIN, self.high if self.high < 1.0 else 1.0 - _MARGIN

    def encode(self, values: Array) -> Array:
        """Take the log-odds."""
        low, high = self._inner
        inner = low + (self._clipped(values) - self.low) * (high - low) / (self.high - self.low)
        codes: Array = np.log(inner / (1 - inner))
        return codes

    def decode(self, codes: Array) -> Array:
        """Take the fraction."""
        low, high = self._inner
        fraction = 1 / (1 + np.exp(-self._folded(codes)))
        return self._clipped(_significant(self.low + (fraction - low) * (self.high - self.low) / (high - low)))

    def _slope(self, codes: Array) -> Array:
        low, high = self._inner
        fraction = 1 / (1 + np.exp(-codes))
        slope: Array = fraction * (1 - fraction) * (self.high - self.low) / (high - low)
        return slope


class Shares(Coding):
    """Positive weights of all experts that sum to 1, by the logarithms of their ratios (Egozcue et al. 2003).

    A code is the logarithm of a weight up to a constant that all experts share; no weight is more than 100 times
    another. Codes that differ by a constant are the same merge, so coordinates are contrasts between experts, one
    fewer than there are.
    """

    name = "log_ratio"

    @property
    def ends(self) -> tuple[float, float]:
        """Largest ratio, either way."""
        return -_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO

    @property
    def span(self) -> float:
        """Such that a tenth of it takes two equal shares to 0.64 and 0.36."""
        return _SHARES_SPAN

    def encode(self, values: Array) -> Array:
        """Take logarithms around their mean over experts; too small a weight becomes the smallest there is."""
        largest = np.maximum(values.max(axis=0), 1e-12)
        logs = np.log(np.maximum(values / largest, np.exp(-_LARGEST_LOG_RATIO)))
        codes: Array = logs - logs.mean(axis=0)
        return codes

    def decode(self, codes: Array) -> Array:
        """Return shares; codes are reflected by their distance from the largest."""
        return _significant(self._shares(codes))

    def jacobian(self, codes: Array) -> Array:
        """Return that of softmax behind the reflection."""
        shares = self._shares(codes)
        softmax = np.eye(len(codes))[:, :, None] * shares[None] - shares[:, None] * shares[None]
        largest = np.arange(len(codes))[:, None] == codes.argmax(axis=0)[None]
        direction = np.where(self._distance(codes) % (2 * _LARGEST_LOG_RATIO) <= _LARGEST_LOG_RATIO, 1.0, -1.0)
        reflected = np.eye(len(codes))[:, :, None] * direction[:, None] + largest[None] * (1 - direction)[:, None]
        found: Array = np.einsum("oqs,qps->ops", softmax, reflected)
        return found

    def _shares(self, codes: Array) -> Array:
        distance = self._distance(codes) % (2 * _LARGEST_LOG_RATIO)
        powers = np.exp(-np.minimum(distance, 2 * _LARGEST_LOG_RATIO - distance))
        shares: Array = powers / powers.sum(axis=0)
        return shares

    def _distance(self, codes: Array) -> Array:
        distance: Array = codes.max(axis=0) - codes
        return distance


CODINGS: dict[str, type[Coding]] = {kind.name: kind for kind in (Linear, Log, Logit, Shares)}


def contrasts(count: int) -> Array:
    """Return orthonormal contrasts between experts, shape (count, count - 1).

    The i-th compares the first i experts with the next one, so that no expert is the reference of all others.
    """
    found = np.zeros((count, count - 1))
    for column in range(count - 1):
        found[: column + 1, column] = 1 / (column + 1)
        found[column + 1, column] = -1.0
        found[:, column] /= np.linalg.norm(found[:, column])
    return found


def _significant(values: Array) -> Array:
    """Round to 6 significant digits."""
    return np.array([float(f"{value:.6g}") for value in values.flat]).reshape(values.shape)
