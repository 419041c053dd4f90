"""Inner products of task vectors and weights in fp64, from which norms, angles and spherical means follow.

Vectors are given as the tensors that they are the sum of, so that an expert's weights are never built:
``(base, delta)`` is its weights, ``(delta,)`` its task vector, ``()`` zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from merging.blocks import BLOCK, spans
from merging.operators.base import Option, TensorInputs

Vector = tuple[Tensor, ...]
On = Literal["task_vectors", "weights"]

VECTORS = Option(
    "vectors", "task_vectors", ("task_vectors", "weights"), "Merge the experts' task vectors or their full weights."
)


def vectors_of(tensor: TensorInputs, on_weights: bool) -> tuple[Vector, ...]:
    """Return each expert's weights or task vector, in the shape of the tensor."""
    origin = (tensor.base,) if on_weights else ()
    return tuple(origin if delta is None else (*origin, delta) for delta in tensor.deltas)


def gram(vectors: Sequence[Vector], size: int) -> npt.NDArray[np.float64]:
    """Return the inner products of all pairs of vectors of ``size`` elements, shape (N, N), in one pass."""
    flat = [[part.reshape(-1) for part in vector] for vector in vectors]
    rows = torch.zeros(len(flat), min(BLOCK, size), dtype=torch.float64)
    products = torch.zeros(len(flat), len(flat), dtype=torch.float64)
    for span in spans(size):
        block = rows[:, : span.stop - span.start]
        for row, parts in zip(block, flat, strict=True):
            for index, part in enumerate(parts):
                row.add_(part[span]) if index else row.copy_(part[span])
        products.addmm_(block, block.T)
    return products.numpy()


def products_along(
    matrices: Sequence[Vector],
    pairs: Sequence[tuple[int, int]],
    shape: tuple[int, int],
    along: Literal["row", "column"],
) -> Tensor:
    """Return inner products of the rows (or columns) of pairs of matrices.

    Args:
        matrices: vectors whose parts all have the shape (rows, columns).
        pairs: indices of the two matrices of each product.
        shape: (rows, columns).
        along: ``row`` gives one product per row, ``column`` one per column.

    Returns:
        fp64, shape (pairs, rows) or (pairs, columns).
    """
    height, width = shape
    found = torch.zeros(len(pairs), height if along == "row" else width, dtype=torch.float64)
    step = max(1, BLOCK // max(1, width))
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        chunks = [_total(matrix, rows, width) for matrix in matrices]
        for target, (first, second) in zip(found, pairs, strict=True):
            product = chunks[first] * chunks[second]
            if along == "row":
                target[rows] = product.sum(dim=1)
            else:
                target.add_(product.sum(dim=0))
    return found


def squared_norm(tensor: Tensor) -> float:
    """Return the sum of squares of all elements, accumulated in fp64."""
    flat, total = tensor.reshape(-1), 0.0
    for span in spans(flat.numel()):
        block = flat[span].double()
        total += float(torch.dot(block, block))
    return total


def _total(parts: Vector, rows: slice, width: int) -> Tensor:
    if not parts:
        return torch.zeros(rows.stop - rows.start, width, dtype=torch.float64)
    total = parts[0][rows].double()
    for part in parts[1:]:
        total = total.add_(part[rows])
    return total
