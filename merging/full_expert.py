"""A whole checkpoint as an expert, and what it must have in common with the base."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from evomerge.errors import ModelError
from merging.blocks import difference
from merging.checkpoints import Checkpoint, text_config
from merging.names import block_index, is_buffer, is_embedding, is_head, is_vocabulary
from merging.vocabulary.tokenizer import check_same_tokens


class FullExpert:
    """A whole checkpoint of the base's architecture as an expert."""

    def __init__(self, checkpoint: Checkpoint, base: Checkpoint, tied: bool, any_rows: bool) -> None:
        """Check the checkpoint against the base; with ``any_rows``, its vocabulary may be another."""
        self.checkpoint = checkpoint
        self._alias: dict[str, str] = {}
        _check_config(checkpoint, base.config)
        if not any_rows:
            _check_vocabulary(checkpoint, base)
        check_tied_head(checkpoint, tied)
        embedding = next((name for name in checkpoint.infos if is_embedding(name)), None)
        head = next((name for name in base.infos if is_head(name)), None)
        if head and not tied and embedding and head not in checkpoint.infos and ties_embeddings(checkpoint):
            self._alias[head] = embedding
        _check_tensors(checkpoint, base, tied, self._alias, any_rows)

    def tensor(self, name: str) -> Tensor:
        """Return the tensor that takes the place of a base tensor; memory-mapped and read-only."""
        return self.checkpoint.tensor(self._alias.get(name, name))

    def delta(self, name: str, base: Tensor) -> Tensor | None:
        """Return expert minus base in fp32; None where both are equal."""
        return difference(self.tensor(name), base)


def ties_embeddings(checkpoint: Checkpoint) -> bool:
    """Return whether the head is the embedding; where the configuration is silent, a missing head says so."""
    stated = text_config(checkpoint.config).get("tie_word_embeddings")
    return bool(stated) if stated is not None else not any(is_head(name) for name in checkpoint.infos)


def count_blocks(checkpoint: Checkpoint) -> int:
    """Count decoder blocks from tensor names and check the configuration against it."""
    blocks = {index for name in checkpoint.infos if (index := block_index(name)) is not None}
    config = text_config(checkpoint.config)
    keys = ("num_hidden_layers", "n_layer", "n_layers")
    stated = next((config[key] for key in keys if key in config), None)
    if not blocks or blocks != set(range(len(blocks))) or (stated is not None and stated != len(blocks)):
        raise ModelError(
            checkpoint.label,
            f"its tensors name {len(blocks)} decoder blocks, config.json says {stated}",
            "use a complete decoder checkpoint",
        )
    return len(blocks)


def _check_config(expert: Checkpoint, base: dict[str, Any]) -> None:
    """Compare what must be equal for weights to have the same meaning."""
    ours, theirs = text_config(base), text_config(expert.config)
    for key in ("model_type", "architectures", "num_hidden_layers", "n_layer", "hidden_size"):
        if key in ours and key in theirs and ours[key] != theirs[key]:
            fix = "only models with the base's architecture can be merged"
            raise ModelError(expert.label, f"config.json has {key} {theirs[key]!r}, the base has {ours[key]!r}", fix)


def _check_vocabulary(expert: Checkpoint, base: Checkpoint) -> None:
    """Compare tokens, then the number of rows, padding included."""
    sizes = [text_config(one.config).get("vocab_size") for one in (expert, base)]
    check_same_tokens(expert.label, expert.directory, base.directory, max([0, *filter(None, sizes)]))
    if None not in sizes and sizes[0] != sizes[1]:
        raise ModelError(
            expert.label,
            f"config.json has vocab_size {sizes[0]}, the base has {sizes[1]}",
            "set merge.tokenizer, such as {source: base}, to say which vocabulary the merge has",
        )


def check_tied_head(checkpoint: Checkpoint, tied: bool) -> None:
    """Accept a stored head in a tied model only where it is a copy of the embedding."""
    head = next((name for name in checkpoint.infos if is_head(name)), None)
    if not tied or head is None:
        return
    embedding = next((name for name in checkpoint.infos if is_embedding(name)), None)
    if embedding is None or not torch.equal(checkpoint.tensor(head), checkpoint.tensor(embedding)):
        raise ModelError(
            checkpoint.label,
            f"it stores a {head} of its own, but the base ties the head to the embedding",
            "use a base and experts that agree in tie_word_embeddings",
        )


def _check_tensors(expert: Checkpoint, base: Checkpoint, tied: bool, alias: dict[str, str], any_rows: bool) -> None:
    """Compare names and shapes; buffers may be absent on either side."""

    def counts(checkpoint: Checkpoint) -> set[str]:
        return {
            name
            for name, info in checkpoint.infos.items()
            if info.is_float and not is_buffer(name) and not (tied and is_head(name))
        }

    ours, theirs = counts(base), counts(expert) | set(alias)
    if missing := sorted(ours - theirs):
        raise ModelError(
            expert.label,
            f"tensor {missing[0]} is missing ({len(missing)} in all)",
            "use a complete checkpoint of the base's architecture",
        )
    if extra := sorted(theirs - ours):
        raise ModelError(
            expert.label,
            f"tensor {extra[0]} does not exist in the base ({len(extra)} in all)",
            "use an expert that was fine-tuned from this base",
        )
    for name in sorted(ours):
        shape = expert.infos[alias.get(name, name)].shape
        if any_rows and is_vocabulary(name):
            shape = (base.infos[name].shape[0], *shape[1:])
        if shape != base.infos[name].shape:
            raise ModelError(
                expert.label,
                f"tensor {name} has shape {shape}, the base has {base.infos[name].shape}",
                "use an expert that was fine-tuned from this base",
            )
