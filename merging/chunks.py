"""Chunks of equal importance: a search granularity that is fine where the experts changed much.

After the importance-guided chunks of Expert Merging++ (2509.25712), turned round so that a search has exactly
the dimension it asks for: the paper gives each tensor a number of chunks by its importance, here the whole
model, in depth order, is cut into N pieces that carry the same share of importance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from merging.names import block_index, is_before_blocks
from merging.operators.inputs import MergeInputs


@dataclass(frozen=True)
class Piece:
    """A span of one flattened tensor, whole rows, that takes its coefficients from one slot."""

    start: int
    stop: int
    slot: int


@dataclass(frozen=True)
class ChunkPlan:
    """The pieces of every merged tensor, in order and without gaps."""

    pieces: Mapping[str, tuple[Piece, ...]]


def plan_chunks(inputs: MergeInputs, count: int) -> ChunkPlan:
    """Cut a model into ``count`` chunks with equal shares of the task vectors' L1 norm, summed over experts.

    A tensor that no expert changes belongs to the chunk that reaches it. Shares are rounded to 1e-9, so that
    the last bits of a sum cannot move a cut.
    """
    norms: dict[str, float] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for tensor in inputs:
        norms[tensor.name] = sum(_l1(delta) for delta in tensor.deltas if delta is not None)
        shapes[tensor.name] = tuple(tensor.base.shape)
    total = sum(norms.values()) or 1.0
    pieces: dict[str, tuple[Piece, ...]] = {}
    reached = 0.0
    for name in sorted(norms, key=lambda one: _depth(one, inputs.num_blocks)):
        share = round(norms[name] / total, 9)
        pieces[name] = _pieces(shapes[name], reached, share, count)
        reached += share
    return ChunkPlan(pieces)


def _pieces(shape: tuple[int, ...], reached: float, share: float, count: int) -> tuple[Piece, ...]:
    rows = shape[0] if len(shape) > 1 else 1
    size = math.prod(shape)
    width = size // rows if rows else 0
    first = min(int(reached * count), count - 1)
    last = min(max(math.ceil((reached + share) * count) - 1, first), count - 1)
    found, start = [], 0
    for slot in range(first, last + 1):
        part = 1.0 if slot == last or not share else ((slot + 1) / count - reached) / share
        stop = size if slot == last else round(part * rows) * width
        if stop > start:
            found.append(Piece(start, stop, slot))
            start = stop
    return tuple(found) or (Piece(0, size, last),)


def _depth(name: str, num_blocks: int) -> tuple[int, str]:
    block = block_index(name)
    if block is None:
        block = -1 if is_before_blocks(name) else num_blocks
    return block, name


def _l1(delta: Tensor) -> float:
    return float(delta.abs().sum(dtype=torch.float64))
