"""What is kept of one expert's task vector, block by block, and the choices among them that compiled loops take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from merging.loops import Choice, array
from merging.vectors import StoredVector, Vector

Fill = Callable[[slice, Tensor], None]
"""Writes one expert's sparsified task vector for a span into a buffer."""
Choices = Callable[[slice], tuple[Choice, ...]]
"""Returns every expert's choice of elements for a span, as the loops take it."""


@dataclass(frozen=True)
class Band:
    """The fill that keeps elements whose magnitude lies between two bounds.

    Args:
        flat: the task vector.
        low, high: exclusive; a negative ``low`` keeps zeros, as copying would.
    """

    flat: Vector
    low: float = -1.0
    high: float = math.inf

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write a span."""
        part = self.flat[span]
        # Both operations are named for what networks use them for; here they compare and select in one pass.
        if self.low > 0.0:
            torch.ops.aten.hardshrink.out(part, self.low, out=out)
        else:
            out.copy_(part)
        if self.high < math.inf:
            torch.ops.aten.hardtanh_backward.grad_input(out, part, -self.high, self.high, grad_input=out)


@dataclass(frozen=True)
class Segment:
    """Elements up to the flat index ``stop`` are kept where ``low`` < magnitude < ``high``."""

    stop: int
    low: float
    high: float = math.inf


@dataclass(frozen=True)
class Banded:
    """The fill that keeps a band in each of several segments.

    Args:
        flat: the task vector.
        segments: in order; together they cover it.
    """

    flat: Vector
    segments: Sequence[Segment]

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write a span."""
        start = span.start
        for segment in self.segments:
            stop = min(segment.stop, span.stop)
            if stop > start:
                self.before(stop)(slice(start, stop), out[start - span.start : stop - span.start])
                start = stop

    def before(self, stop: int) -> Band:
        """Return the band of the elements just before an index."""
        segment = next(one for one in self.segments if one.stop >= stop)
        return Band(self.flat, segment.low, segment.high)


@dataclass(frozen=True)
class Drawn:
    """The fill that keeps elements whose level exceeds a bound.

    Args:
        flat: the task vector.
        levels: of its elements; int16, uint8 or fp32.
        bound: see above.
    """

    flat: Vector
    levels: Tensor
    bound: float

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write a span."""
        # Passes its first argument where the second exceeds the bound, in one pass.
        level = out.copy_(self.levels[span])
        torch.ops.aten.threshold_backward.grad_input(self.flat[span], level, self.bound, grad_input=out)


@dataclass(frozen=True)
class Rated:
    """The fill that keeps elements with a probability that grows with their rank.

    Args:
        flat: the task vector.
        levels: of its elements; int16 or fp32. One that is kept exceeds ``origin - slope * probability``.
        ranks: from 0 to ``highest``.
        highest: see above.
        lowest: probability of rank 0.
        window: how much larger that of the highest rank is.
        origin, slope: of the bound.
        divides: what is kept is divided by its probability.
    """

    flat: Vector
    levels: Tensor
    ranks: Tensor
    highest: int
    lowest: float
    window: float
    origin: float
    slope: float
    divides: bool

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write a span."""
        # In this order of operations fp32 probabilities are those of mergekit to the last bit.
        probability = self.ranks[span].float().div_(float(self.highest)).mul_(self.window).add_(self.lowest)
        level = out.copy_(self.levels[span]).add_(probability, alpha=self.slope)
        part = torch.div(self.flat[span], probability, out=probability) if self.divides else self.flat[span]
        # Passes its first argument where the second exceeds the bound, so a quotient by zero never counts.
        torch.ops.aten.threshold_backward.grad_input(part, level, self.origin, grad_input=out)


Uniform = Sequence[Band] | Sequence[Drawn] | Sequence[Rated]
"""Fills of one kind, by which compiled loops can choose."""


def copied(flat: Vector) -> Band:
    """Return the fill that keeps every element."""
    return Band(flat)


def pieces(fills: Sequence[Fill]) -> list[tuple[slice, Uniform]] | None:
    """Return spans of a tensor with what its fills are there, all of one kind; None where compiled loops know none."""
    if _is_uniform(fills):
        return [(slice(0, len(fills[0].flat)), fills)]
    if not _is_banded(fills):
        return None
    stops = sorted({one.stop for fill in fills if isinstance(fill, Banded) for one in fill.segments})
    return [
        (slice(start, stop), [fill.before(stop) if isinstance(fill, Banded) else fill for fill in fills])
        for start, stop in pairwise([0, *stops])
    ]


def _is_uniform(fills: Sequence[Fill]) -> TypeGuard[Uniform]:
    kinds = set(map(type, fills))
    return len(kinds) == 1 and kinds <= {Band, Drawn, Rated}


def _is_banded(fills: Sequence[Fill]) -> TypeGuard[Sequence[Band | Banded]]:
    return all(isinstance(fill, Band | Banded) for fill in fills)


def choices(fills: Sequence[Band | Drawn | Rated]) -> Choices:
    """Return what compiled loops take in place of fills, which are all of one kind."""
    chosen = [_choice(fill) for fill in fills]
    if isinstance(fills[0], Band):
        if all(high != high for _, _, high in chosen):
            return lambda span: tuple((delta[span], low) for delta, low, _ in chosen)
        return lambda span: tuple((delta[span], low, high) for delta, low, high in chosen)
    if isinstance(fills[0], Rated):
        return lambda span: tuple((*(one[span] for one in arrays), rule) for *arrays, rule in chosen)
    return lambda span: tuple((delta[span], levels[span], bound) for delta, levels, bound in chosen)


def _choice(fill: Band | Drawn | Rated) -> Choice:
    delta = fill.flat.array if isinstance(fill.flat, StoredVector) else array(fill.flat)
    if isinstance(fill, Band):
        return delta, _bound(fill.low, fill.low < 0.0), _bound(fill.high, fill.high == math.inf)
    if isinstance(fill, Rated):
        numbers = map(np.float32, (fill.highest, fill.window, fill.lowest, fill.slope, fill.origin))
        return delta, fill.levels.numpy(), fill.ranks.numpy(), (*numbers, fill.divides)
    return delta, fill.levels.numpy(), np.float32(fill.bound)


def _bound(value: float, open_end: bool) -> np.float32:
    return np.float32(math.nan if open_end else value)
