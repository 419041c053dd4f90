"""Kernels that are one compiled loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from torch import Tensor

from merging import loops
from merging.loops import Flat, array
from merging.operators.base import Kernel
from merging.operators.fills import Fill, Uniform, choices, pieces
from merging.vectors import StoredVector, Vector

_ONE = np.float32(1.0)


@dataclass(frozen=True)
class LoopKernel(ABC):
    """A kernel (see ``merging.operators.base.Kernel``) that is plain data and can write a tensor as it is stored.

    Args:
        base: the base tensor, flat.
    """

    base: Flat

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write the fp32 values of a span."""
        self.bind(span, array(out))()

    def bind(self, span: slice, out: Any) -> Callable[[], int]:
        """Return what writes a span to an array, rounded to its dtype, and returns the largest magnitude, fp32 bits."""
        base = self.base.array
        if base is None:
            # A copy in fp32 is made when it is needed, not when all that a candidate writes is bound.
            return lambda: self._bind(array(self.base.tensor[span].float()), span, out)()
        return self._bind(base[span], span, out)

    @abstractmethod
    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        """Return a loop of :mod:`merging.loops` with what it takes: a span's base and result, and so on."""


@dataclass(frozen=True)
class SumKernel(LoopKernel):
    """``scale * base + sum_k weights[k] * vectors[k]``.

    Args:
        vectors: all stored, or all fp32.
        weights: one for each.
        scale: of the base.
    """

    vectors: Sequence[Vector]
    weights: Sequence[float]
    scale: float = 1.0

    @cached_property
    def _bound(self) -> tuple[Any, ...]:
        return tuple(map(array_of, self.vectors)), numbers(self.weights), np.float32(self.scale)

    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        arrays, weights, scale = self._bound
        return partial(loops.added, base, tuple(one[span] for one in arrays), weights, scale, out)


@dataclass(frozen=True)
class ChoiceKernel(LoopKernel):
    """``base + sum_k weights[k] * fills[k]``.

    Args:
        fills: of one kind.
        weights: one for each.
    """

    fills: Uniform
    weights: Sequence[float]

    @cached_property
    def _bound(self) -> tuple[Any, ...]:
        return choices(self.fills), numbers(self.weights)

    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        chosen, weights = self._bound
        return partial(loops.added, base, chosen(span), weights, _ONE, out)


@dataclass(frozen=True)
class ElectionKernel(LoopKernel):
    """``base + scale * disjoint merge``; see :func:`merging.loops.election` for what the numbers do.

    Args:
        fills: of one kind.
        factors: two for each fill.
        votes, shares, portions: one for each fill.
        scale: of the merge.
        least: the least divisor, or what divides where the portions cancel.
        count, plus, mean, signed: the rules.
    """

    fills: Uniform
    factors: Sequence[tuple[float, float]]
    votes: Sequence[float]
    shares: Sequence[float]
    portions: Sequence[float]
    scale: float
    least: float
    count: bool
    plus: bool
    mean: bool
    signed: bool

    @cached_property
    def _bound(self) -> tuple[Any, ...]:
        scales, weighs = any(pair != (1.0, 1.0) for pair in self.factors), any(vote != 1.0 for vote in self.votes)
        loop = loops.election(scales, weighs, self.count, self.plus, self.mean, self.signed)
        factors = tuple(map(numbers, zip(*self.factors, strict=True)))
        per_fill = (factors, numbers(self.votes), numbers(self.shares), numbers(self.portions))
        return loop, choices(self.fills), (*per_fill, np.float32(self.scale), np.float32(self.least))

    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        loop, chosen, bound = self._bound
        return partial(loop, base, chosen(span), *bound, out)


@dataclass(frozen=True)
class MeanKernel(LoopKernel):
    """``base + scale * mean of the fills that are not zero``, element by element.

    Args:
        fills: of one kind.
        scale: of the mean.
        gains: multiply what one fill alone has, one for each.
    """

    fills: Uniform
    scale: float
    gains: Sequence[float]

    @property
    def amplifies(self) -> bool:
        """Whether any gain does something."""
        return any(gain != 1.0 for gain in self.gains)

    @cached_property
    def _bound(self) -> tuple[Any, ...]:
        loop = loops.averaging(self.amplifies)
        return loop, choices(self.fills), numbers(self.gains), np.float32(self.scale)

    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        loop, chosen, gains, scale = self._bound
        return partial(loop, base, chosen(span), gains, scale, out)


@dataclass(frozen=True)
class BalancedKernel(LoopKernel):
    """``base + scale * sum_k weights[k] masses[k] vectors[k] / sum_k weights[k] masses[k]``, element by element.

    Args:
        vectors: all stored, or all fp32.
        masses: fp32, flat; one for each vector, then those of vectors that are zero.
        weights: one for each of the masses.
        scale: of the mean.
    """

    vectors: Sequence[Vector]
    masses: Sequence[Tensor]
    weights: Sequence[float]
    scale: float

    @cached_property
    def _bound(self) -> tuple[Any, ...]:
        arrays = tuple(map(array_of, self.vectors)), tuple(map(array, self.masses))
        return *arrays, numbers(self.weights), np.float32(self.scale)

    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        vectors, masses, weights, scale = self._bound
        vectors, masses = (tuple(one[span] for one in arrays) for arrays in (vectors, masses))
        count = len(vectors)
        idle = masses[count:], weights[count:]
        return partial(loops.balanced, base, vectors, masses[:count], weights[:count], *idle, scale, out)


@dataclass(frozen=True)
class NeededKernel(LoopKernel):
    """``base + scale * sum of the vectors`` where at least ``least`` levels exceed their steps, elsewhere the base.

    Args:
        vectors: all stored, or all fp32.
        levels: uint8, flat, one tensor for each vector.
        steps: from 0 to 255, one for each.
        least: at least 1.
        scale: of the sum.
    """

    vectors: Sequence[Vector]
    levels: Sequence[Tensor]
    steps: Sequence[int]
    least: int
    scale: float

    @cached_property
    def _bound(self) -> tuple[Any, ...]:
        arrays = tuple(map(array_of, self.vectors)), tuple(level.numpy() for level in self.levels)
        return *arrays, tuple(map(np.uint8, self.steps)), np.uint8(self.least), np.float32(self.scale)

    def _bind(self, base: Any, span: slice, out: Any) -> Callable[[], int]:
        vectors, levels, steps, least, scale = self._bound
        cut = (tuple(one[span] for one in arrays) for arrays in (vectors, levels))
        return partial(loops.needed, base, *cut, steps, least, scale, out)


@dataclass(frozen=True)
class SplicedKernel:
    """A kernel (see ``merging.operators.base.Kernel``) that is another one in each of several spans.

    Args:
        kernels: spans in order, together the tensor, each with its kernel.
    """

    kernels: Sequence[tuple[slice, LoopKernel]]

    def __call__(self, span: slice, out: Tensor) -> None:
        """Write the fp32 values of a span."""
        for inside, kernel in self.within(span):
            kernel(inside, out[inside.start - span.start : inside.stop - span.start])

    def within(self, span: slice) -> Iterator[tuple[slice, LoopKernel]]:
        """Yield the parts of a span, each with its kernel."""
        for own, kernel in self.kernels:
            start, stop = max(own.start, span.start), min(own.stop, span.stop)
            if start < stop:
                yield slice(start, stop), kernel


def spliced(fills: Sequence[Fill], kernel_of: Callable[[Uniform], LoopKernel]) -> Kernel | None:
    """Return the kernel of compiled loops for what is kept of task vectors; None where they know no such fills."""
    known = pieces(fills)
    if known is None:
        return None
    kernels = [(span, kernel_of(uniform)) for span, uniform in known]
    return kernels[0][1] if len(kernels) == 1 else SplicedKernel(kernels)


def array_of(vector: Vector) -> Any:
    """Return what the loops take for a task vector: fp32, or the expert's own bf16 weights as bits."""
    return vector.array if isinstance(vector, StoredVector) else array(vector)


def numbers(values: Sequence[float]) -> tuple[np.float32, ...]:
    """Return numbers as the loops take them."""
    return tuple(np.float32(value) for value in values)
