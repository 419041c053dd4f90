"""What a tensor's name says: its block, its module kind, and whether it is special.

The rules read only the dotted name, so they hold for every decoder family that Hugging Face
transformers stores under the usual names.
"""

from __future__ import annotations

import re
from typing import Literal

_BLOCK = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks|block)\.(\d+)\.")
_ATTENTION = {"self_attn", "attn", "attention", "self_attention", "linear_attn"}
_MLP = {"mlp", "feed_forward", "ffn", "block_sparse_moe", "moe", "fc1", "fc2"}
_BEFORE = re.compile(
    r"(?:^|\.)(?:embed_tokens|embed_positions|embed_in|wte|wpe|word_embeddings|tok_embeddings|embeddings?)"
    r"(?:_layernorm|_norm)?(?:\.|$)"
)
_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.weight$")
_EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|embed_in|wte|word_embeddings|tok_embeddings)\.weight$")
_BUFFER = re.compile(r"(?:^|\.)(?:inv_freq|cos_cached|sin_cached|position_ids|masked_bias)$")


def block_index(name: str) -> int | None:
    """Return the decoder block that a tensor belongs to, or None outside the blocks."""
    match = _BLOCK.search(name)
    return int(match.group(1)) if match else None


def module_kind(name: str) -> Literal["attention", "mlp"] | None:
    """Return the module of a block's tensor; None for the block's norms and for tensors outside blocks."""
    parts = set(name.split("."))
    if parts & _ATTENTION:
        return "attention"
    return "mlp" if parts & _MLP else None


def is_before_blocks(name: str) -> bool:
    """Return whether a tensor outside the blocks comes before them (embeddings) or after (norm, head)."""
    return bool(_BEFORE.search(name))


def is_head(name: str) -> bool:
    """Return whether this is the output projection onto the vocabulary."""
    return bool(_HEAD.search(name))


def is_embedding(name: str) -> bool:
    """Return whether this is the token embedding."""
    return bool(_EMBEDDING.search(name))


def is_buffer(name: str) -> bool:
    """Return whether this is a derived buffer (rotary tables, position ids) that merging must not touch."""
    return bool(_BUFFER.search(name))
