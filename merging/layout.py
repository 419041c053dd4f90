"""What a stored tensor is, and how it splits into the two-dimensional weights that act on a hidden state.

Operators that look at directions (singular vectors, columns, permutations) must not see the stack of three
projections as one matrix; element-wise operators need no layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from merging.names import is_embedding, is_head

Role = Literal["matrix", "embedding", "head", "vector"]

_QKV = re.compile(r"(?:^|\.)(?:qkv_proj|Wqkv)\.weight$")
_GATE_UP = re.compile(r"(?:^|\.)gate_up_proj(?:\.weight)?$")


@dataclass(frozen=True)
class Layout:
    """How one stored tensor splits into matrices.

    Args:
        role: ``matrix`` is one or several linear weights; ``vector`` is everything that is no linear weight
            (norm gains, biases, scalars).
        labels: one per matrix, such as ``q`` or ``expert 3 up``; one empty label for a plain matrix.
        split: from a tensor of the stored shape to its matrices, each (out, in), in the order of the labels.
        fuse: the inverse of ``split``.
    """

    role: Role
    labels: tuple[str, ...]
    split: Callable[[Tensor], tuple[Tensor, ...]]
    fuse: Callable[[Sequence[Tensor]], Tensor]


def layout_of(name: str, shape: tuple[int, ...], config: Mapping[str, Any]) -> Layout:
    """Return the layout of a tensor of a Hugging Face checkpoint.

    Args:
        name: checkpoint name.
        shape: stored shape.
        config: ``config.json`` of the model; only fused tensors need it.
    """
    if len(shape) < 2:
        return Layout("vector", ("",), _whole, _only)
    role: Role = "embedding" if is_embedding(name) else "head" if is_head(name) else "matrix"
    if _QKV.search(name) and len(shape) == 2:
        return _rows(role, ("q", "k", "v"), _qkv_rows(shape[0], config))
    if _GATE_UP.search(name) and len(shape) == 2:
        return _rows(role, ("gate", "up"), (shape[0] // 2, shape[0] - shape[0] // 2))
    if len(shape) == 3:
        labels = tuple(f"expert {index}" for index in range(shape[0]))
        return Layout(role, labels, lambda tensor: tensor.unbind(0), lambda parts: torch.stack(list(parts)))
    if len(shape) > 3:
        return Layout(
            role, ("",), lambda tensor: (tensor.reshape(shape[0], -1),), lambda parts: _only(parts).reshape(shape)
        )
    return Layout(role, ("",), _whole, _only)


def _rows(role: Role, labels: tuple[str, ...], sizes: tuple[int, ...]) -> Layout:
    return Layout(role, labels, lambda tensor: torch.split(tensor, list(sizes)), lambda parts: torch.cat(list(parts)))


def _qkv_rows(rows: int, config: Mapping[str, Any]) -> tuple[int, int, int]:
    heads = int(config.get("num_attention_heads") or 1)
    groups = int(config.get("num_key_value_heads") or heads)
    size = rows // (heads + 2 * groups)
    return (rows - 2 * groups * size, groups * size, groups * size)


def _whole(tensor: Tensor) -> tuple[Tensor, ...]:
    return (tensor,)


def _only(parts: Sequence[Tensor]) -> Tensor:
    (part,) = parts
    return part
