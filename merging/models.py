"""The models of one merge: a base and its experts, opened read-only and checked against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import ModelError, nearest
from merging.adapters import Adapter, is_adapter
from merging.checkpoints import Checkpoint, TensorInfo
from merging.names import block_index, is_buffer, is_embedding, is_head
from merging.operators.inputs import Factors


@dataclass(frozen=True)
class ModelRef:
    """A model that is on this machine.

    Args:
        name: short name, unique within an experiment.
        path: local directory of a checkpoint or of a PEFT LoRA adapter.
        revision: commit of the Hugging Face repository it came from, where known.
    """

    name: str
    path: str
    revision: str | None = None


class FullExpert:
    """A whole checkpoint of the base's architecture as an expert."""

    def __init__(self, checkpoint: Checkpoint, base: Checkpoint, tied: bool) -> None:
        """Check the checkpoint against the base."""
        self.checkpoint = checkpoint
        self._alias: dict[str, str] = {}
        _check_config(checkpoint, base.config)
        _check_tied_head(checkpoint, tied)
        embedding = next((name for name in checkpoint.infos if is_embedding(name)), None)
        head = next((name for name in base.infos if is_head(name)), None)
        if head and not tied and embedding and head not in checkpoint.infos and _ties(checkpoint):
            self._alias[head] = embedding
        _check_tensors(checkpoint, base, tied, self._alias)

    def delta(self, name: str, base: Tensor) -> Tensor | None:
        """Return expert minus base in fp32; None where both are equal."""
        tensor = self.checkpoint.tensor(self._alias.get(name, name))
        if tensor.dtype == base.dtype and torch.equal(tensor, base):
            return None
        return tensor.float() - base.float()


class ModelSet:
    """A base and its experts; files stay open and memory-mapped, tensors are read when they are asked for.

    Use :meth:`open`.
    """

    def __init__(
        self,
        base: ModelRef,
        experts: tuple[ModelRef, ...],
        checkpoint: Checkpoint,
        sources: dict[str, FullExpert | Adapter],
    ) -> None:
        """Take opened and checked models."""
        self.base = base
        self.experts = experts
        self.config: dict[str, Any] = checkpoint.config
        self.tied_embeddings = _ties(checkpoint)
        self.num_blocks = _num_blocks(checkpoint)
        self._checkpoint = checkpoint
        self._sources = sources
        self._names = tuple(sorted(n for n in checkpoint.infos if not (self.tied_embeddings and is_head(n))))

    @classmethod
    def open(cls, base: ModelRef, experts: Sequence[ModelRef]) -> ModelSet:
        """Open all models and run the cheap checks: files, configuration, names and shapes.

        Raises:
            ModelError: a model is incomplete or damaged, is stored as pickle, or does not fit the base.
        """
        counts = Counter([base.name, *(expert.name for expert in experts)])
        for name, count in counts.items():
            if count > 1:
                raise ModelError(f"model {name}", f"{count} models have this name", "give each its own name")
        if is_adapter(_directory(base)):
            raise ModelError(f"model {base.name}", "the base is an adapter", "use a checkpoint as the base")
        checkpoint = Checkpoint(f"model {base.name}", _directory(base))
        tied = _ties(checkpoint)
        _check_tied_head(checkpoint, tied)
        _num_blocks(checkpoint)
        sources: dict[str, FullExpert | Adapter] = {}
        for expert in experts:
            label, directory = f"model {expert.name}", _directory(expert)
            if is_adapter(directory):
                infos = {n: i for n, i in checkpoint.infos.items() if not (tied and is_head(n))}
                sources[expert.name] = Adapter(label, directory, infos, tied)
            else:
                sources[expert.name] = FullExpert(Checkpoint(label, directory), checkpoint, tied)
        return cls(base, tuple(experts), checkpoint, sources)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that holds most of the base's values; each merged tensor keeps its own base dtype."""
        sizes: Counter[torch.dtype] = Counter()
        for name in self._names:
            info = self._checkpoint.infos[name]
            if info.is_float:
                sizes[info.dtype] += info.nbytes // info.dtype.itemsize
        return sizes.most_common(1)[0][0]

    def check_finite(self) -> None:
        """Read every tensor of every model.

        Raises:
            ModelError: names the model and the tensor that holds NaN or infinity.
        """
        self._checkpoint.check_finite()
        for source in self._sources.values():
            (source if isinstance(source, Adapter) else source.checkpoint).check_finite()

    def tensor_names(self) -> tuple[str, ...]:
        """Return the sorted names of the checkpoint's tensors, without a head that is tied."""
        return self._names

    def tensor_info(self, name: str) -> TensorInfo:
        """Return shape and stored dtype of a base tensor without reading it."""
        return self._checkpoint.infos[name]

    def is_merged(self, name: str) -> bool:
        """Return whether operators may change a tensor; integers and rotary buffers stay the base's."""
        return self._checkpoint.infos[name].is_float and not is_buffer(name)

    def is_adapter(self, expert: str) -> bool:
        """Return whether an expert is a LoRA adapter on the base."""
        return isinstance(self._source(expert), Adapter)

    def weight_files(self) -> dict[str, list[Path]]:
        """Return the weight files of every model by its short name."""
        opened = {self.base.name: self._checkpoint} | {
            name: source if isinstance(source, Adapter) else source.checkpoint for name, source in self._sources.items()
        }
        return {name: [files.directory / f for f in files.files] for name, files in opened.items()}

    def base_tensor(self, name: str) -> Tensor:
        """Return a base tensor in its stored dtype; its memory is the mapped file, so never write to it."""
        return self._checkpoint.tensor(name)

    def delta(self, name: str, expert: str) -> Tensor | None:
        """Return the fp32 task vector of one tensor (4 bytes per element); None where it is provably zero.

        For a LoRA adapter this is ``scale * B @ A`` computed in fp32, for a checkpoint expert minus base.
        """
        if not self.is_merged(name):
            return None
        return self._source(expert).delta(name, self.base_tensor(name))

    def factors(self, name: str, expert: str) -> Factors | None:
        """Return the low-rank form of one tensor's task vector; None where the expert has none."""
        source = self._source(expert)
        return source.factors(name) if isinstance(source, Adapter) and self.is_merged(name) else None

    def _source(self, expert: str) -> FullExpert | Adapter:
        if expert not in self._sources:
            raise ModelError(f"model {expert}", "is not one of the experts", nearest(expert, self._sources))
        return self._sources[expert]


def _directory(ref: ModelRef) -> Path:
    path = Path(ref.path)
    if not path.is_dir():
        raise ModelError(
            f"model {ref.name}", f"{path} is no directory", "give the path of a model or adapter directory"
        )
    return path


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, dict) else config


def _ties(checkpoint: Checkpoint) -> bool:
    """Return whether the head is the embedding; where the configuration is silent, a missing head says so."""
    stated = _text_config(checkpoint.config).get("tie_word_embeddings")
    return bool(stated) if stated is not None else not any(is_head(name) for name in checkpoint.infos)


def _num_blocks(checkpoint: Checkpoint) -> int:
    """Count decoder blocks from tensor names and check the configuration against it."""
    blocks = {index for name in checkpoint.infos if (index := block_index(name)) is not None}
    config = _text_config(checkpoint.config)
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
    ours, theirs = _text_config(base), _text_config(expert.config)
    for key in ("model_type", "architectures", "num_hidden_layers", "n_layer", "hidden_size", "vocab_size"):
        if key in ours and key in theirs and ours[key] != theirs[key]:
            fix = "only models with the base's architecture can be merged"
            if key == "vocab_size":
                fix = "resize the expert's embedding to the base's vocabulary or use another expert"
            raise ModelError(expert.label, f"config.json has {key} {theirs[key]!r}, the base has {ours[key]!r}", fix)


def _check_tied_head(checkpoint: Checkpoint, tied: bool) -> None:
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


def _check_tensors(expert: Checkpoint, base: Checkpoint, tied: bool, alias: dict[str, str]) -> None:
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
        if shape != base.infos[name].shape:
            raise ModelError(
                expert.label,
                f"tensor {name} has shape {shape}, the base has {base.infos[name].shape}",
                "use an expert that was fine-tuned from this base",
            )
