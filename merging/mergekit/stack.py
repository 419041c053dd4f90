"""The configuration of a model whose blocks come from runs of blocks of other models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merging.depth import config_with_blocks
from merging.documents import Node

# Rules by which an architecture gives blocks their kind from their number.
_RULES = (
    "full_attention_interval", "sliding_window_pattern", "first_k_dense_replace", "decoder_sparse_step",
    "moe_layer_freq", "interleave_moe_layer_step", "attn_layer_period", "expert_layer_period", "num_kv_shared_layers",
)  # fmt: skip
Part = tuple[Mapping[str, Any], range]


def stacked_config(donor: Mapping[str, Any], parts: Sequence[Part], node: Node) -> dict[str, Any]:
    """Return ``config.json`` of the stacked model: the donor's, with the depth and per-layer lists of the stack.

    Args:
        donor: what everything else is taken from.
        parts: configuration and blocks of the model behind each slice, in order.
        node: of the document, for errors.

    Raises:
        RecipeError: the architecture decides by block number what a block is, and the numbers change.
    """
    order = [block for _, blocks in parts for block in blocks]
    if order == list(range(len(order))) and len(order) == _depth(donor):
        return dict(donor)
    _check_rules(donor, node)
    cut = [config_with_blocks(config, list(blocks)) for config, blocks in parts]
    return _joined(donor, cut, len(order))


def _joined(donor: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], depth: int) -> dict[str, Any]:
    plain = config_with_blocks(donor, [0] * depth)
    joined = dict(plain)
    for key, value in donor.items():
        if isinstance(value, Mapping) and plain[key] is not value:
            joined[key] = _joined(value, [part.get(key, {}) for part in parts], depth)
        elif isinstance(value, list) and plain[key] is not value:
            joined[key] = [entry for part in parts for entry in part.get(key, [])]
    return joined


def _depth(config: Mapping[str, Any]) -> int | None:
    text = {**config, **(config.get("text_config") or {})}
    return next((text[key] for key in ("num_hidden_layers", "n_layer", "n_layers") if key in text), None)


def _check_rules(config: Mapping[str, Any], node: Node) -> None:
    text = {**config, **(config.get("text_config") or {})}
    listed = bool(text.get("layer_types"))
    for key in _RULES:
        if text.get(key) not in (None, 0, 1) and not (listed and "attention" in key):
            raise node.error(
                f"this architecture decides by {key} what a block is, so blocks cannot change their number",
                "keep every block in its place",
            )
