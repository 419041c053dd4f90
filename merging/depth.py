"""Models with another number of blocks: names, configuration, and blocks that add nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evomerge.errors import ModelError
from merging.names import block_index

_INDEX = re.compile(r"((?:^|\.)(?:layers|layer|h|blocks|block)\.)\d+(?=\.)")
# What writes a block's result into the residual stream: with these at zero the block is the identity.
_OUTPUT = re.compile(
    r"\.(?:o_proj|out_proj|c_proj|down_proj|dense_4h_to_h|attention\.dense|self_attention\.dense|w2|wo)(?:\.weight|\.bias)?$"
)
# Norms behind the output projections undo a factor in them.
_POST_NORM = re.compile(r"\.(?:post_feedforward_layernorm|post_self_attn_layernorm|post_mlp_layernorm|ffn_post_norm)\.")
_LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers")


def with_block(name: str, block: int) -> str:
    """Return the name of the same tensor in another block; a name outside the blocks is returned as it is."""
    return _INDEX.sub(lambda match: f"{match[1]}{block}", name, count=1)


def is_output_projection(name: str) -> bool:
    """Return whether a tensor writes a block's result into the residual stream (weight or bias)."""
    return block_index(name) is not None and bool(_OUTPUT.search(name))


def config_with_blocks(config: Mapping[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """Return ``config.json`` for a model whose block ``i`` is block ``order[i]`` of the model of ``config``.

    The number of layers and every list with one entry per layer follow; the text part of a multi-modal
    configuration is handled alike.
    """
    changed = dict(config)
    count = next((config[key] for key in _LAYER_COUNTS if key in config), None)
    for key, value in config.items():
        if key in _LAYER_COUNTS:
            changed[key] = len(order)
        elif isinstance(value, list) and len(value) == count and key not in ("architectures",):
            changed[key] = [value[block] for block in order]
        elif key == "text_config" and isinstance(value, Mapping):
            changed[key] = config_with_blocks(value, order)
    return changed


def check_stackable(label: str, config: Mapping[str, Any], names: Iterable[str]) -> None:
    """Check that blocks of a model can stand in another order, with a factor on what they add.

    Raises:
        ModelError: the blocks differ in kind, normalize their output, or have no output projection known here.
    """
    fix = "use a decoder that normalizes the input of its blocks only, such as Llama, Mistral or Qwen"
    kinds = config.get("layer_types") or (config.get("text_config") or {}).get("layer_types") or []
    if len(set(kinds)) > 1:
        raise ModelError(label, f"its blocks are of several kinds ({', '.join(sorted(set(kinds)))})", fix)
    first = [name for name in names if block_index(name) == 0]
    if late := [name for name in first if _POST_NORM.search(name)]:
        raise ModelError(label, f"{late[0]} normalizes what a block adds, so no factor on it has an effect", fix)
    if sum(is_output_projection(name) and name.endswith(".weight") for name in first) < 2:
        raise ModelError(label, "the output projections of its blocks are not known here", fix)
