"""What is kept of one expert's task vector, block by block, and the choices among them that compiled loops take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
class Drawn:
    """The fill that keeps elements whose level exceeds a bound.

    Args:
        flat: the task vector.
        levels: of its elements; int16 or fp32.
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


def copied(flat: Vector) -> Fill:
    """Return the fill that keeps every element."""
    return Band(flat)


def is_uniform(fills: Sequence[Fill]) -> TypeGuard[Sequence[Band] | Sequence[Drawn]]:
    """Return whether fills are all bands or all draws, which is what compiled loops choose by."""
    return all(isinstance(fill, Band) for fill in fills) or all(isinstance(fill, Drawn) for fill in fills)


def choices(fills: Sequence[Band] | Sequence[Drawn]) -> Choices:
    """Return what compiled loops take in place of uniform fills."""
    chosen = [_choice(fill) for fill in fills]
    if isinstance(fills[0], Band):
        return lambda span: tuple((delta[span], low, high) for delta, low, high in chosen)
    return lambda span: tuple((delta[span], levels[span], bound) for delta, levels, bound in chosen)


def _choice(fill: Band | Drawn) -> Choice:
    delta = array(fill.flat.expert if isinstance(fill.flat, StoredVector) else fill.flat)
    if isinstance(fill, Band):
        return delta, _bound(fill.low, fill.low < 0.0), _bound(fill.high, fill.high == math.inf)
    return delta, fill.levels.numpy(), np.float32(fill.bound)


def _bound(value: float, open_end: bool) -> np.float32:
    return np.float32(math.nan if open_end else value)
