"""Running kernels over spans of tensors, with the depth profile, rounded to where they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.blocks import BLOCK, is_finite_within, spans
from merging.loops import Flat, exceeds
from merging.operators.base import Kernel
from merging.operators.kernels import LoopKernel, SplicedKernel

Work = Callable[[], object]
"""Computes a span with everything bound that it takes.

Between two loops that sweep the caches, a line of Python takes many times what it takes among other Python. So all
spans are bound first and computed then.

Raises:
    Infeasible: a merged value is not finite in the dtype that it is written in.
"""


@dataclass(frozen=True)
class Part:
    """A span of one flattened tensor with what computes it.

    Args:
        span: which elements.
        kernel: None leaves them as the base has them.
        base: the whole tensor, flat.
        profile: factor of the difference from the base.
    """

    span: slice
    kernel: Kernel | None
    base: Flat
    profile: float = 1.0

    def within(self, span: slice) -> Part | None:
        """Return what of the part lies within a span; None where nothing does."""
        start, stop = max(self.span.start, span.start), min(self.span.stop, span.stop)
        if start >= stop:
            return None
        inside = slice(start, stop)
        return self if inside == self.span else replace(self, span=inside)

    def bind(self, out: Flat) -> Iterator[Work]:
        """Yield what computes the span into ``out``, which is as long."""
        kernel = self.kernel
        if kernel is None:
            yield partial(out.tensor.copy_, self.base.tensor[self.span])
        elif isinstance(kernel, SplicedKernel):
            for span, inside in kernel.within(self.span):
                part = replace(self, span=span, kernel=inside)
                yield from part.bind(out.within(slice(span.start - self.span.start, span.stop - self.span.start)))
        elif isinstance(kernel, LoopKernel) and self.profile == 1.0 and out.array is not None:
            yield partial(_run, kernel.bind(self.span, out.array), out.tensor.dtype)
        else:
            yield partial(self._write_blocks, kernel, out.tensor)

    def _write_blocks(self, kernel: Kernel, out: Tensor) -> None:
        scratch = torch.empty(BLOCK, dtype=torch.float32)
        limit = torch.finfo(out.dtype).max
        for span in spans(self.span.stop, self.span.start):
            block = scratch[: span.stop - span.start]
            kernel(span, block)
            if self.profile != 1.0:
                source = self.base.tensor[span]
                block.sub_(source).mul_(self.profile).add_(source)
            _check(is_finite_within(block, limit), out.dtype)
            out[span.start - self.span.start : span.stop - self.span.start] = block


def bind(parts: Sequence[Part], span: slice, out: Flat) -> list[Work]:
    """Return what computes a span of a tensor into ``out``, which is flat and as long."""
    inside = [one for part in parts if (one := part.within(span)) is not None]
    return [
        work
        for part in inside
        for work in part.bind(out.within(slice(part.span.start - span.start, part.span.stop - span.start)))
    ]


def _run(loop: Callable[[], int], dtype: torch.dtype) -> None:
    _check(not exceeds(loop(), dtype), dtype)


def _check(finite: bool, dtype: torch.dtype) -> None:
    if not finite:
        raise Infeasible(f"a merged value is not finite in {dtype}")
