"""What is kept of one expert's task vector, block by block, and the choices among them that compiled loops take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from merging.loops import Choice, array

Fill = Callable[[slice, Tensor], None]
"""Writes one expert's sparsified task vector for a span into a buffer."""
Choices = Callable[[slice], tuple[Choice, ...]]
"""Returns every expert's choice of elements for a span."""


@dataclass(frozen=True)
class Band:
    """The fill that keeps elements whose magnitude lies between two bounds.

    Args:
        flat: the task vector.
        low, high: exclusive; a negative ``low`` keeps zeros, as copying would.
    """

    flat: Tensor
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

    flat: Tensor
    levels: Tensor
    bound: float

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write a span."""
        # Passes its first argument where the second exceeds the bound, in one pass.
        level = out.copy_(self.levels[span])
        torch.ops.aten.threshold_backward.grad_input(self.flat[span], level, self.bound, grad_input=out)


def copied(flat: Tensor) -> Fill:
    """Return the fill that keeps every element."""
    return Band(flat)


def choices_of(fills: Sequence[Fill]) -> Choices | None:
    """Return what compiled loops take in place of fills; None where they are not all bands or all draws."""
    if all(isinstance(fill, Band) for fill in fills):
        bands = [
            (array(one.flat), _bound(one.low, one.low < 0.0), _bound(one.high, one.high == math.inf))
            for one in fills
            if isinstance(one, Band)
        ]
        return lambda span: tuple((delta[span], low, high) for delta, low, high in bands)
    if all(isinstance(fill, Drawn) for fill in fills):
        draws: list[tuple[Any, Any, Any]] = [
            (array(one.flat), one.levels.numpy(), np.float32(one.bound)) for one in fills if isinstance(one, Drawn)
        ]
        return lambda span: tuple((delta[span], levels[span], bound) for delta, levels, bound in draws)
    return None


def _bound(value: float, open_end: bool) -> np.float32:
    return np.float32(math.nan if open_end else value)
