"""Walking over large tensors in blocks that stay in the processor's cache."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SQUARES = float(torch.finfo(torch.float32).max)

BLOCK = 1 << 17
"""Elements per block: the buffers of one step stay in the cache, and the interpreter's share of a block, during which
other threads wait for their turn, is small beside its arithmetic."""


def spans(stop: int, start: int = 0) -> list[slice]:
    """Cut the elements from ``start`` to ``stop`` into blocks."""
    return [slice(first, min(first + BLOCK, stop)) for first in range(start, stop, BLOCK)]


def is_finite(tensor: Tensor) -> bool:
    """Return whether a floating-point tensor holds neither NaN nor infinity."""
    flat = tensor.reshape(-1)
    return all(is_finite_within(flat[span].float(), math.inf) for span in spans(flat.numel()))


def is_finite_within(block: Tensor, limit: float) -> bool:
    """Return whether all values are finite and at most ``limit`` in magnitude."""
    # The square sum is far cheaper than the extremes, and where it is small enough they are too.
    square = float(torch.dot(block, block))
    if square <= min(limit * limit, _SQUARES):
        return True
    low, high = (float(bound) for bound in torch.aminmax(block))
    return math.isfinite(low) and math.isfinite(high) and -limit <= low and high <= limit


def difference(tensor: Tensor, base: Tensor) -> Tensor | None:
    """Return ``tensor - base`` in fp32, in the shape of ``base``; None where both are equal and of one dtype."""
    if tensor.dtype == base.dtype and torch.equal(tensor, base):
        return None
    out = torch.empty(base.shape, dtype=torch.float32)
    flat, minuend, subtrahend = (one.reshape(-1) for one in (out, tensor, base))
    buffer = torch.empty(min(BLOCK, len(flat)))
    for span in spans(len(flat)):
        flat[span].copy_(minuend[span]).sub_(buffer[: span.stop - span.start].copy_(subtrahend[span]))
    return out
