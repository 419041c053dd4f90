"""Weight matching: the permutation of one model's neurons that brings its weights closest to another's.

Git Re-Basin (2209.04836): coordinate ascent over permutations, each step one linear assignment. With the
residual stream held fixed, the permutations of different blocks do not touch each other and one pass finds the
optimum; otherwise passes in random order go on until none gains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from merging.alignment.axes import Axis, Heads, Matrix, moved
from merging.layout import layout_of
from merging.streams import philox

Pair = Callable[[str], tuple[Tensor, Tensor]]
"""Reads one tensor of both models in fp32: the one that stays and the one whose neurons move."""
Permutations = Mapping[Axis, Tensor]
"""For each axis the index of the neuron that comes to each place, int64; heads are indices of whole heads."""

# A pass must gain this share of the objective, which is far above the rounding of fp32 sums.
_LEAST_GAIN = 1e-7


@dataclass(frozen=True)
class Model:
    """What is matched: every tensor's axes, the attention's shape, and how to read a tensor of both models."""

    matrices: Mapping[str, tuple[Matrix, ...]]
    heads: Heads
    config: Mapping[str, Any]
    pair: Pair

    def on(self, axis: Axis) -> Iterable[str]:
        """Return the names of all tensors with this axis."""
        return [name for name, found in self.matrices.items() if any(axis in (m.rows, m.columns) for m in found)]


def match(model: Model, *, residual: bool, seed: int, max_sweeps: int = 100) -> Permutations:
    """Return the permutation of each axis of the second model that fits it to the first.

    Args:
        model: the pair of models.
        residual: also permute the residual stream, which models of one ancestor never need.
        seed: keys the order of the sweeps, on which the local optimum depends where ``residual`` is set.
        max_sweeps: at most so many passes over all axes.
    """
    axes = sorted({axis for found in model.matrices.values() for m in found for axis in (m.rows, m.columns) if axis})
    blocks = sorted({axis[1] for axis in axes if axis[1] is not None})
    found: dict[Axis, Tensor] = {}
    generator = philox(seed, "git_rebasin")
    reached = -np.inf
    for _ in range(max_sweeps):
        order: list[int | None] = [*blocks, *([None] if residual else [])]
        generator.shuffle(order)
        for block in order:
            if block is None:
                found["residual", None] = _assign(_similarity(model, ("residual", None), found))[0]
            else:
                found["hidden", block] = _assign(_similarity(model, ("hidden", block), found))[0]
                found["query", block], found["key", block] = _match_heads(model, block, found)
        if not residual:
            break
        objective = sum(_inner(model, name, found) for name in model.matrices)
        if objective <= reached + _LEAST_GAIN * abs(reached if np.isfinite(reached) else 0.0):
            break
        reached = objective
    return found


def permuted(tensor: Tensor, matrices: tuple[Matrix, ...], model: Model, permutations: Permutations) -> Tensor:
    """Return a tensor of the second model with its neurons moved."""

    def move(part: Tensor, axis: Axis, dimension: int) -> Tensor:
        order = permutations.get(axis)
        if order is None:
            return part
        if axis[0] in ("query", "key"):
            order = _whole_heads(order, model.heads.size)
        return part.index_select(dimension, order)

    return moved(tensor, matrices, model.config, move)


def _similarity(model: Model, axis: Axis, found: Permutations) -> Tensor:
    """Return the inner products of all pairs of neurons of an axis, summed over every tensor that has it."""
    others = {other: order for other, order in found.items() if other != axis}
    total: Tensor | None = None
    for name in model.on(axis):
        stays, moves = model.pair(name)
        matrices = model.matrices[name]
        moves = permuted(moves, matrices, model, others)
        for matrix, first, second in _parts(model, name, stays, moves):
            if matrix.rows == axis:
                product = first.reshape(len(first), -1) @ second.reshape(len(second), -1).T
            elif matrix.columns == axis:
                product = first.T @ second
            else:
                continue
            total = product if total is None else total.add_(product)
    if total is None:
        raise ValueError(f"no tensor has the axis {axis}")
    return total


def _match_heads(model: Model, block: int, found: Permutations) -> tuple[Tensor, Tensor]:
    """Permute key-value heads, and query heads inside them: a query must stay with the keys that it reads."""
    heads = model.heads
    others = {axis: order for axis, order in found.items() if axis not in (("query", block), ("key", block))}
    queries, keys = (_head_similarity(model, (tag, block), others) for tag in ("query", "key"))
    per_key = heads.queries // heads.keys
    inner: dict[tuple[int, int], Tensor] = {}
    scores = keys.clone()
    for first in range(heads.keys):
        for second in range(heads.keys):
            rows, columns = (slice(g * per_key, (g + 1) * per_key) for g in (first, second))
            inner[first, second], gain = _assign(queries[rows, columns])
            scores[first, second] += gain
    order, _ = _assign(scores)
    query_order = torch.cat([inner[first, int(second)] + int(second) * per_key for first, second in enumerate(order)])
    return query_order, order


def _head_similarity(model: Model, axis: Axis, others: Permutations) -> Tensor:
    """Return the inner products of all pairs of heads, each summed over the dimensions of the head."""
    size = model.heads.size
    total = _similarity(model, axis, others)
    heads = total.shape[0] // size
    return total.view(heads, size, heads, size).diagonal(dim1=1, dim2=3).sum(-1)


def _inner(model: Model, name: str, found: Permutations) -> float:
    stays, moves = model.pair(name)
    return float(torch.sum(stays * permuted(moves, model.matrices[name], model, found), dtype=torch.float64))


def _parts(model: Model, name: str, stays: Tensor, moves: Tensor) -> Iterable[tuple[Matrix, Tensor, Tensor]]:
    layout = layout_of(name, tuple(stays.shape), model.config)
    return zip(model.matrices[name], layout.split(stays), layout.split(moves), strict=True)


def _assign(similarity: Tensor) -> tuple[Tensor, float]:
    """Return which column goes to each row for the largest sum, and that sum."""
    # Loading it takes longer than a small merge, and only two operators align neurons.
    from scipy.optimize import linear_sum_assignment

    values = similarity.double().numpy()
    rows, columns = linear_sum_assignment(values, maximize=True)
    return torch.from_numpy(columns.astype(np.int64)), float(values[rows, columns].sum())


def _whole_heads(order: Tensor, size: int) -> Tensor:
    return (order[:, None] * size + torch.arange(size)).reshape(-1)
