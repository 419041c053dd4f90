"""Running kernels over tensors, and kernels that are one compiled loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.blocks import BLOCK, is_finite_within, spans
from merging.loops import added, array, exceeds, fits
from merging.operators.base import Kernel

if TYPE_CHECKING:
    from merging.chunks import Piece

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


def write_piece(piece: Piece, kernel: Kernel | None, base: Tensor, merged: Tensor, profile: float) -> None:
    """Compute one piece of a flattened tensor."""
    if kernel is None:
        merged[piece.start : piece.stop] = base[piece.start : piece.stop]
        return
    if isinstance(kernel, LoopKernel) and profile == 1.0 and fits(merged):
        whole = slice(piece.start, piece.stop)
        if exceeds(kernel.write(whole, merged[whole]), merged.dtype):
            raise Infeasible(f"a merged value is not finite in {merged.dtype}")
        return
    scratch = torch.empty(BLOCK, dtype=torch.float32)
    limit = torch.finfo(merged.dtype).max
    for span in spans(piece.stop, piece.start):
        block = scratch[: span.stop - span.start]
        kernel(span, block)
        if profile != 1.0:
            source = base[span]
            block.sub_(source).mul_(profile).add_(source)
        if not is_finite_within(block, limit):
            raise Infeasible(f"a merged value is not finite in {merged.dtype}")
        merged[span] = block


def numbers(values: Sequence[float]) -> tuple[np.float32, ...]:
    """Return numbers as the loops take them."""
    return tuple(np.float32(value) for value in values)
