"""Kernels that are one compiled loop: whole tensors in one pass, with blocks as every kernel writes them besides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from merging.loops import added, array, fits

Run = Callable[[Any, slice, Any], int]
"""Reads a span's base, writes the span's result and returns the largest magnitude, see :mod:`merging.loops`."""


class LoopKernel:
    """A kernel (see ``merging.operators.base.Kernel``) that can also write a tensor as it is stored.

    Args:
        base: the base tensor.
        run: the loop with everything bound but the base, the span and the result.
    """

    def __init__(self, base: Tensor, run: Run) -> None:
        """Bind the base."""
        self._base, self._run = base.reshape(-1), run

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write the fp32 values of a span."""
        self.write(span, out)

    def write(self, span: slice, out: Tensor) -> int:
        """Write a span, rounded to the dtype of ``out``, fp32 or bf16; returns the largest magnitude as fp32 bits."""
        base = self._base[span]
        return self._run(array(base if fits(base) else base.float()), span, array(out))


def sum_kernel(base: Tensor, deltas: Sequence[Tensor], weights: Sequence[float], scale: float) -> LoopKernel:
    """Return the kernel of ``scale * base + sum_k weights[k] * deltas[k]``."""
    arrays, factors = [array(delta.reshape(-1)) for delta in deltas], numbers(weights)

    def run(base: Any, span: slice, out: Any) -> int:
        return int(added(base, tuple(one[span] for one in arrays), factors, np.float32(scale), out))

    return LoopKernel(base, run)


def numbers(values: Sequence[float]) -> tuple[np.float32, ...]:
    """Return numbers as the loops take them."""
    return tuple(np.float32(value) for value in values)
