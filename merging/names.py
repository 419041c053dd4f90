"""What a tensor's name says: its block, its module kind, and whether it is special.

The rules read only the dotted name, so they hold for every decoder family that Hugging Face
transformers stores under the usual names.
"""

from __future__ import annotations

import re
from functools import lru_cache
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
_HEAD_BIAS = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.bias$")
# GPT-2 and GPT-NeoX store their causal mask as the bias of the attention itself.
_BUFFER = re.compile(r"(?:^|\.)(?:inv_freq|cos_cached|sin_cached|position_ids|masked_bias|(?:attn|attention)\.bias)$")
_TOWER = re.compile(
    r"(?:^|\.)(?:vision_tower|vision_model|vision_encoder|vision_embed_tokens|visual|vit|image_newline"
    r"|audio_tower|audio_model|audio_encoder|speech_encoder|embed_vision|embed_audio"
    r"|multi_modal_projector|mm_projector|connector|qformer|visual_projection|audio_projection)(?:\.|$)"
)


# Every candidate of a search asks of the same few hundred or thousand names.
_remembered = lru_cache(maxsize=1 << 16)


@_remembered
def block_index(name: str) -> int | None:
    """Return the decoder block that a tensor belongs to; None outside the blocks and in a vision or audio tower."""
    match = None if is_tower(name) else _BLOCK.search(name)
    return int(match.group(1)) if match else None


@_remembered
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
    return bool(_EMBEDDING.search(name)) and not is_tower(name)


def is_buffer(name: str) -> bool:
    """Return whether this is a derived buffer (rotary tables, position ids) that merging must not touch."""
    return bool(_BUFFER.search(name))


def is_vocabulary(name: str) -> bool:
    """Return whether a tensor has one row (a bias: one element) per token of the vocabulary."""
    return is_embedding(name) or is_head(name) or bool(_HEAD_BIAS.search(name))


@_remembered
def is_tower(name: str) -> bool:
    """Return whether a tensor belongs to another modality: a vision or audio tower, or the projector behind it."""
    return bool(_TOWER.search(name))
