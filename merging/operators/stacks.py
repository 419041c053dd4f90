"""Sums of task vectors whose factors differ by row or by column of each matrix in a tensor."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import torch
from torch import Tensor

from merging.operators.base import Kernel, TensorInputs

Factors = Sequence[Tensor]
"""One tensor per matrix, fp32, of a shape that broadcasts to the matrix: (rows, 1), (1, columns) or (1, 1)."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of one matrix that is contiguous in the flattened tensor.

    Args:
        matrix: which one.
        rows, columns: of the matrix.
        elements: of the flattened tensor.
    """

    matrix: int
    rows: slice
    columns: slice
    elements: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


@dataclass(frozen=True)
class Stack:
    """Matrices of one width that lie one after the other in a tensor's memory.

    Args:
        bottoms: for each matrix, the number of rows down to its end.
        width: columns.
    """

    bottoms: tuple[int, ...]
    width: int

    def tiles(self, span: slice) -> Iterator[Tile]:
        """Cut a span of the flattened tensor into as few tiles as possible."""
        start = span.start
        while start < span.stop:
            row, column = divmod(start, self.width)
            matrix = bisect_right(self.bottoms, row)
            top = self.bottoms[matrix - 1] if matrix else 0
            whole = min(span.stop // self.width, self.bottoms[matrix])
            if column or whole == row:
                stop = min(span.stop, (row + 1) * self.width)
                rows, columns = slice(row - top, row - top + 1), slice(column, column + stop - start)
            else:
                stop = whole * self.width
                rows, columns = slice(row - top, whole - top), slice(0, self.width)
            yield Tile(matrix, rows, columns, slice(start, stop))
            start = stop


def matrices_of(tensor: TensorInputs, whole: Tensor) -> tuple[Tensor, ...]:
    """Split a tensor of the base's shape into its matrices, each (out, in); a vector is one row."""
    return tuple(_as_matrix(part) for part in tensor.layout.split(whole))


def _as_matrix(part: Tensor) -> Tensor:
    return part.reshape(1, -1) if part.ndim < 2 else part.reshape(part.shape[0], -1)


def scaled_sum(inputs: TensorInputs, base_factors: Factors | None, factors: Sequence[Factors]) -> Kernel:
    """Return the kernel of ``base_factor * base + sum_i factor_i * delta_i`` with factors per matrix.

    Args:
        inputs: one tensor.
        base_factors: None stands for 1.
        factors: one entry per expert.
    """
    stack = _stack_of(inputs)
    if stack is None:
        return _fused(inputs, base_factors, factors)
    base = inputs.base.view(-1)
    base_grid = None if base_factors is None else _grid(base_factors, stack)
    terms = [
        (vector, _grid(factor, stack))
        for vector, factor in zip(inputs.vectors, factors, strict=True)
        if vector is not None
    ]

    def kernel(span: slice, out: Tensor) -> None:
        out.copy_(base[span])
        for tile in stack.tiles(span):
            at = (tile.rows, tile.columns)
            target = out[tile.elements.start - span.start : tile.elements.stop - span.start].view(tile.shape)
            if base_grid is not None:
                target.mul_(base_grid[tile.matrix][at])
            for vector, grid in terms:
                target.addcmul_(vector[tile.elements].view(tile.shape), grid[tile.matrix][at])

    return kernel


def _grid(factors: Factors, stack: Stack) -> list[Tensor]:
    tops = (0, *stack.bottoms)
    return [
        factor.expand(bottom - top, stack.width)
        for factor, top, bottom in zip(factors, tops, stack.bottoms, strict=False)
    ]


def _stack_of(inputs: TensorInputs) -> Stack | None:
    """Return how the matrices of a tensor lie in its memory; None where they are interleaved or transposed."""
    base = inputs.base
    parts, reached = matrices_of(inputs, base), base.storage_offset()
    for part in parts:
        shares = part.untyped_storage().data_ptr() == base.untyped_storage().data_ptr()
        if not shares or part.storage_offset() != reached or part.shape[1] != parts[0].shape[1]:
            return None
        reached += part.numel()
    return Stack(tuple(accumulate(part.shape[0] for part in parts)), parts[0].shape[1])


def _fused(inputs: TensorInputs, base_factors: Factors | None, factors: Sequence[Factors]) -> Kernel:
    """Do the whole sum at once on the split matrices: kernels see flat spans, in which they are interleaved."""

    @cache
    def flat() -> Tensor:
        totals = [part.to(torch.float32, copy=True) for part in matrices_of(inputs, inputs.base)]
        if base_factors is not None:
            totals = [total.mul_(factor) for total, factor in zip(totals, base_factors, strict=True)]
        for delta, own in zip(inputs.deltas, factors, strict=True):
            if delta is not None:
                for total, part, factor in zip(totals, matrices_of(inputs, delta), own, strict=True):
                    total.addcmul_(part, factor)
        return inputs.layout.fuse(totals).reshape(-1)

    def kernel(span: slice, out: Tensor) -> None:
        out.copy_(flat()[span])

    return kernel


def constant(value: float) -> Tensor:
    """Return one factor for a whole matrix."""
    return torch.full((1, 1), value, dtype=torch.float32)
