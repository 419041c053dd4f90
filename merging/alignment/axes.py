"""Which axes of which weights count the same neurons, for decoders with gated MLPs and grouped attention.

An axis is tagged with what its entries are: ``residual`` (the hidden state, one tag for the whole model),
``hidden`` (the MLP's neurons, one tag per block), ``query`` and ``key`` (attention heads, the latter also for
values, one tag each per block). Moving the entries of a tag in every axis that carries it leaves the function
of a model unchanged (2209.04836); whole heads are moved, never parts, because rotary embeddings tie the
dimensions inside a head together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from evomerge.errors import ModelError
from merging.layout import layout_of
from merging.names import block_index, is_buffer, is_embedding, is_head

Tag = Literal["residual", "hidden", "query", "key"]
Axis = tuple[Tag, int | None]
"""A tag with its block; the residual stream has no block."""

_ROWS: Mapping[str, Tag] = {
    "q_proj": "query", "k_proj": "key", "v_proj": "key", "o_proj": "residual",
    "gate_proj": "hidden", "up_proj": "hidden", "down_proj": "residual",
}  # fmt: skip
_COLUMNS: Mapping[str, Tag] = {
    "q_proj": "residual", "k_proj": "residual", "v_proj": "residual", "o_proj": "query",
    "gate_proj": "residual", "up_proj": "residual", "down_proj": "hidden",
}  # fmt: skip
_FUSED = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "gate": "gate_proj", "up": "up_proj"}
_HEAD_NORM = re.compile(r"\.(?:q_norm|k_norm)\.weight$")
_NORM = re.compile(r"(?:norm|ln_f|ln_1|ln_2)\.(?:weight|bias)$")


@dataclass(frozen=True)
class Matrix:
    """One weight of a model, or one part of a fused one.

    Args:
        name: checkpoint name of the tensor.
        part: position among the tensor's parts.
        rows, columns: what the axes count; None where nothing may move. A vector has rows only.
    """

    name: str
    part: int
    rows: Axis | None
    columns: Axis | None


@dataclass(frozen=True)
class Heads:
    """The attention of a model: ``queries`` query heads and ``keys`` key-value heads, both of ``size``."""

    queries: int
    keys: int
    size: int


def matrices_of(name: str, shape: tuple[int, ...], config: Mapping[str, Any]) -> tuple[Matrix, ...]:
    """Return the weights in one tensor with the meaning of their axes.

    Raises:
        ModelError: the tensor belongs to no architecture that is known here.
    """
    block = block_index(name)
    if is_embedding(name) or is_head(name):
        return (Matrix(name, 0, None, ("residual", None)),)
    if _HEAD_NORM.search(name) or is_buffer(name):
        return (Matrix(name, 0, None, None),)
    if _NORM.search(name):
        return (Matrix(name, 0, ("residual", None), None),)
    layout = layout_of(name, shape, config)
    module = name.split(".")[-2]
    kinds = [_FUSED.get(label, module) for label in layout.labels]
    if block is None or any(kind not in _ROWS for kind in kinds) or (len(kinds) > 1 and len(shape) < 2):
        raise ModelError(
            "model base",
            f"what the axes of {name} count is not known",
            "alignment knows decoders with q, k, v, o, gate, up and down projections, such as Llama, Mistral, Qwen",
        )
    if len(shape) < 2:
        return (Matrix(name, 0, _axis(_ROWS[module], block), None),)
    return tuple(
        Matrix(name, part, _axis(_ROWS[kind], block), _axis(_COLUMNS[kind], block)) for part, kind in enumerate(kinds)
    )


def heads_of(config: Mapping[str, Any]) -> Heads:
    """Return the attention heads that ``config.json`` states."""
    queries = int(config["num_attention_heads"])
    keys = int(config.get("num_key_value_heads") or queries)
    return Heads(queries, keys, int(config.get("head_dim") or config["hidden_size"] // queries))


def moved(
    tensor: Tensor,
    matrices: Sequence[Matrix],
    config: Mapping[str, Any],
    move: Callable[[Tensor, Axis, int], Tensor],
) -> Tensor:
    """Return a tensor with ``move(part, axis, dimension)`` applied to every tagged axis of its parts."""
    layout = layout_of(matrices[0].name, tuple(tensor.shape), config)
    parts = []
    for matrix, part in zip(matrices, layout.split(tensor), strict=True):
        if matrix.rows is not None:
            part = move(part, matrix.rows, 0)
        if matrix.columns is not None:
            part = move(part, matrix.columns, 1)
        parts.append(part)
    return layout.fuse(parts)


def _axis(tag: Tag, block: int) -> Axis:
    return (tag, None if tag == "residual" else block)
