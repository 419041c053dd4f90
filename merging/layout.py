"""What a stored tensor is, and how it splits into the two-dimensional weights that act on a hidden state.

Operators that look at directions (singular vectors, columns, permutations) must not see the stack of three
projections as one matrix; element-wise operators need no layout. Known here are the tensors that transformers
stores fused:

* query, key and value one after the other (Phi-3, MPT, DBRX) or interleaved by head or group of heads (GPT-NeoX,
  BLOOM, Falcon, GPT-BigCode, InternLM2, CodeGen); the parts of latent and linear attention (DeepSeek, Qwen3-Next)
* gate and up one after the other, or alternating row by row (GPT-OSS)
* experts stacked as (experts, out, in), (experts, in, out), or flattened into two dimensions (DBRX)
* GPT-2's weights, which are (in, out)
* convolutions, which become (out, in * kernel)

A two-dimensional tensor that is none of these is one matrix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from merging.checkpoints import text_config
from merging.names import is_embedding, is_head

Role = Literal["matrix", "embedding", "head", "vector"]

_LOOKUP = re.compile(r"(?:^|\.)(?:wpe|embed_positions|position_embeddings?|embed_tokens_per_layer)\.weight$")
_VECTOR = re.compile(r"(?:bias|A_log|norm\d*\.weight)$")
_ROUTER = re.compile(
    r"(?:^|\.)(?:router(?:\.\w+)?"
    r"|(?:mlp|block_sparse_moe|feed_forward|ffn|moe|mixer|shared_expert)\.(?:gate|shared_expert_gate))\.weight$"
)
_EXPERTS = re.compile(r"(?:^|\.)experts\.|(?:^|\.)(?:mlp|block_sparse_moe)\.(?:input_linear|output_linear)\.weight$")
_GATE_UP = re.compile(r"(?:^|\.)(?:gate_up_proj|(?:mlp|block_sparse_moe|shared_mlp)\.input_linear)(?:\.weight)?$")
_DOWN = ("down_proj", "output_linear", "w2")
_DBRX = re.compile(r"(?:^|\.)experts\.mlp\.(?:w1|v1|w2)$")
_CONV1D_MODELS = ("gpt2", "openai-gpt", "imagegpt", "decision_transformer")
_CONV1D = ("c_attn", "q_attn", "c_fc", "c_proj")
_IN_OUT_EXPERTS = (
    "llama4", "llama4_text", "gpt_oss", "openai_privacy_filter", "qwen3_vl_moe", "qwen3_vl_moe_text", "aria_text"
)  # fmt: skip
# CodeGen's weights are cut for four devices.
_CODEGEN_SHARDS = 4


@dataclass(frozen=True)
class Layout:
    """How one stored tensor splits into matrices.

    Args:
        role: ``matrix`` is one or several linear weights; ``embedding`` is a table of rows that are looked up;
            ``head`` projects onto the vocabulary; ``vector`` is everything that is no linear weight of the
            residual stream (norm gains, biases, scalars) and the routers of experts, whatever their shape.
        labels: one per matrix, such as ``q`` or ``expert 3 up``; one empty label for a plain matrix.
        split: from a tensor of the stored shape to its matrices, each (out, in) and contiguous if the tensor
            is, in the order of the labels. A ``vector`` has itself as its only part.
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
    if len(shape) < 2 or _VECTOR.search(name) or _ROUTER.search(name):
        return _plain("vector")
    if is_embedding(name) or _LOOKUP.search(name):
        return _plain("embedding")
    if is_head(name):
        return _plain("head")
    config = text_config(config)
    if _DBRX.search(name) and len(shape) == 2:
        count = int((config.get("ffn_config") or {}).get("moe_num_experts") or 1)
        return _stacked(count, shape, _transposed(_plain()) if _leaf(name) == "w2" else _plain())
    if len(shape) == 3 and _EXPERTS.search(name):
        return _stacked(shape[0], shape, _expert(name, shape[1:], config))
    if len(shape) > 2:
        flat = (shape[0], -1)
        return Layout(
            "matrix", ("",), lambda tensor: (tensor.reshape(flat),), lambda parts: _only(parts).reshape(shape)
        )
    if config.get("model_type") in _CONV1D_MODELS and _leaf(name) in _CONV1D:
        return _transposed(_matrix(name, shape[1], config))
    return _matrix(name, shape[0], config)


def _leaf(name: str) -> str:
    return name.removesuffix(".weight").rpartition(".")[2]


def _matrix(name: str, rows: int, config: Mapping[str, Any]) -> Layout:
    """Return the layout of an (out, in) weight with ``rows`` outputs."""
    if _GATE_UP.search(name):
        return _gate_up(rows, config)
    fused = _fused_rows(_leaf(name), rows, config)
    if fused is None or fused.groups * sum(fused.sizes) != rows or min(fused.sizes) < 1:
        return _plain()
    return _grouped(fused)


def _expert(name: str, shape: tuple[int, ...], config: Mapping[str, Any]) -> Layout:
    """Return the layout of one expert of a stack: (out, in), or (in, out), which its shape or its family tells."""
    hidden, down = config.get("hidden_size"), _leaf(name) in _DOWN
    out_in, in_out = (shape[0] if down else shape[1]) == hidden, (shape[1] if down else shape[0]) == hidden
    transposed = in_out if in_out != out_in else config.get("model_type") in _IN_OUT_EXPERTS
    rows = shape[1] if transposed else shape[0]
    inner = _gate_up(rows, config) if _GATE_UP.search(name) else _plain()
    return _transposed(inner) if transposed else inner


@dataclass(frozen=True)
class _Rows:
    """Rows of a fused weight: ``groups`` times one piece of each size, in the order of the labels."""

    groups: int
    sizes: tuple[int, ...]
    labels: tuple[str, ...]


def _fused_rows(leaf: str, rows: int, config: Mapping[str, Any]) -> _Rows | None:
    """Return how the rows of a fused weight are ordered; None for any other weight."""
    if leaf in ("qkv_proj", "Wqkv", "qkv", "W_pack", "query_key_value", "wqkv", "c_attn"):
        return _query_key_value(leaf, rows, config)

    def size(key: str) -> int:
        return int(config.get(key) or 0)

    if leaf == "kv_b_proj":
        sizes = (size("qk_nope_head_dim"), size("v_head_dim"))
        return _Rows(size("num_attention_heads"), sizes, ("k", "v"))
    if leaf == "kv_a_proj_with_mqa":
        return _Rows(1, (size("kv_lora_rank"), size("qk_rope_head_dim")), ("latent", "k rope"))
    if leaf in ("in_proj_qkvz", "in_proj_ba"):
        groups = size("linear_num_key_heads")
        share = size("linear_num_value_heads") // max(1, groups)
        if leaf == "in_proj_ba":
            return _Rows(groups, (share, share), ("b", "a"))
        key, value = size("linear_key_head_dim"), share * size("linear_value_head_dim")
        return _Rows(groups, (key, key, value, value), ("q", "k", "v", "z"))
    return None


def _query_key_value(leaf: str, rows: int, config: Mapping[str, Any]) -> _Rows:
    family = config.get("model_type")
    if family == "codegen":
        return _Rows(_CODEGEN_SHARDS, (rows // (3 * _CODEGEN_SHARDS),) * 3, ("q", "v", "k"))
    labels = ("q", "k", "v")
    heads = next((int(config[key]) for key in ("num_attention_heads", "n_head", "n_heads") if config.get(key)), 1)
    groups = _key_groups(config, heads)
    size = rows // (heads + 2 * groups)
    if leaf in ("query_key_value", "wqkv") or (leaf == "c_attn" and family == "gpt_bigcode"):
        return _Rows(groups, (heads // groups * size, size, size), labels)
    return _Rows(1, (heads * size, groups * size, groups * size), labels)


def _key_groups(config: Mapping[str, Any], heads: int) -> int:
    """Return the number of heads that keys and values have."""
    family = config.get("model_type")
    if family == "falcon" and config.get("new_decoder_architecture"):
        return int(config.get("num_kv_heads") or heads)
    if family in ("falcon", "gpt_bigcode"):
        return 1 if config.get("multi_query", True) else heads
    attention = config.get("attn_config")
    nested = attention.get("kv_n_heads") if isinstance(attention, Mapping) else None
    return int(config.get("num_key_value_heads") or nested or heads)


def _gate_up(rows: int, config: Mapping[str, Any]) -> Layout:
    if rows % 2:
        return _plain()
    if config.get("model_type") == "gpt_oss":
        return _grouped(_Rows(rows // 2, (1, 1), ("gate", "up")))
    return _grouped(_Rows(1, (rows // 2, rows // 2), ("gate", "up")))


def _plain(role: Role = "matrix") -> Layout:
    return Layout(role, ("",), lambda tensor: (tensor,), _only)


def _grouped(rows: _Rows) -> Layout:
    def split(tensor: Tensor) -> tuple[Tensor, ...]:
        columns = tensor.shape[1]
        pieces = torch.split(tensor.reshape(rows.groups, -1, columns), list(rows.sizes), dim=1)
        return tuple(piece.reshape(-1, columns) for piece in pieces)

    def fuse(parts: Sequence[Tensor]) -> Tensor:
        columns = parts[0].shape[1]
        pieces = [part.reshape(rows.groups, size, columns) for part, size in zip(parts, rows.sizes, strict=True)]
        return torch.cat(pieces, dim=1).reshape(-1, columns)

    return Layout("matrix", rows.labels, split, fuse)


def _transposed(inner: Layout) -> Layout:
    return Layout(
        inner.role,
        inner.labels,
        lambda tensor: inner.split(tensor.T.contiguous()),
        lambda parts: inner.fuse(parts).T.contiguous(),
    )


def _stacked(count: int, shape: tuple[int, ...], inner: Layout) -> Layout:
    each = len(inner.labels)

    def split(tensor: Tensor) -> tuple[Tensor, ...]:
        experts = tensor.reshape(count, -1, shape[-1])
        return tuple(part for expert in experts for part in inner.split(expert))

    def fuse(parts: Sequence[Tensor]) -> Tensor:
        fused = [inner.fuse(parts[start : start + each]) for start in range(0, count * each, each)]
        return torch.stack(fused).reshape(shape)

    labels = tuple(f"expert {index} {label}".rstrip() for index in range(count) for label in inner.labels)
    return Layout("matrix", labels, split, fuse)


def _only(parts: Sequence[Tensor]) -> Tensor:
    (part,) = parts
    return part
