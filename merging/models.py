"""The models of one merge: a base and its experts, opened read-only and checked against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import ModelError, nearest
from merging.adapters import Adapter, is_adapter
from merging.checkpoints import Checkpoint, TensorInfo
from merging.full_expert import FullExpert, check_tied_head, count_blocks, ties_embeddings
from merging.names import is_buffer, is_head, is_tower, is_vocabulary
from merging.operators.inputs import Factors
from merging.packs.read import DeltaPack, is_pack, weights_digest
from merging.vectors import is_storable
from merging.vocabulary.files import output_config
from merging.vocabulary.plan import plan_vocabulary
from merging.vocabulary.policy import VocabularyPolicy
from merging.vocabulary.rows import Matrix, Member, OutputVocabulary
from merging.vocabulary.tokenizer import check_same_tokens

_PER_LAYER = "embed_tokens_per_layer"


@dataclass(frozen=True)
class ModelRef:
    """A model that is on this machine.

    Args:
        name: short name, unique within an experiment.
        path: local directory of a checkpoint, of a PEFT LoRA adapter or of a delta pack.
        revision: commit of the Hugging Face repository it came from, where known.
    """

    name: str
    path: str
    revision: str | None = None


Source = FullExpert | Adapter | DeltaPack


class ModelSet:
    """A base and its experts; files stay open and memory-mapped, tensors are read when they are asked for.

    Opened with a vocabulary policy, every tensor, shape and the configuration are those of the output vocabulary,
    and ``vocabulary`` says how they come about; it is None where nothing was asked for. Use :meth:`open`.
    """

    def __init__(
        self,
        base: ModelRef,
        experts: tuple[ModelRef, ...],
        checkpoint: Checkpoint,
        sources: dict[str, Source],
        vocabulary: OutputVocabulary | None = None,
    ) -> None:
        """Take opened and checked models."""
        self.base = base
        self.experts = experts
        self.vocabulary = vocabulary
        self.config: dict[str, Any] = dict(checkpoint.config)
        if vocabulary is not None:
            self.config = output_config(checkpoint.config, vocabulary)
        self.tied_embeddings = ties_embeddings(checkpoint)
        self.num_blocks = count_blocks(checkpoint)
        self._checkpoint = checkpoint
        self._sources = sources
        self._names = tuple(sorted(n for n in checkpoint.infos if not (self.tied_embeddings and is_head(n))))

    @property
    def depth(self) -> int:
        """Blocks of a merged model; ``num_blocks`` unless opened through :func:`merging.deep_models.with_depth`."""
        return self.num_blocks

    @classmethod
    def open(
        cls, base: ModelRef, experts: Sequence[ModelRef], *, vocabulary: VocabularyPolicy | None = None
    ) -> ModelSet:
        """Open all models and run the cheap checks: files, configuration, names and shapes.

        Args:
            base: a checkpoint.
            experts: checkpoints of its architecture, adapters, delta packs.
            vocabulary: which tokens the merge has where the models' tokenizers differ; None requires equal ones.

        Raises:
            ModelError: a model is incomplete or damaged, is stored as pickle, or does not fit the base.
            RecipeError: the vocabulary policy names a model or token that does not exist.
        """
        counts = Counter([base.name, *(expert.name for expert in experts)])
        for name, count in counts.items():
            if count > 1:
                raise ModelError(f"model {name}", f"{count} models have this name", "give each its own name")
        if is_adapter(_directory(base)):
            raise ModelError(f"model {base.name}", "the base is an adapter", "use a checkpoint as the base")
        if is_pack(_directory(base)):
            raise ModelError(f"model {base.name}", "the base is a delta pack", "use a checkpoint as the base")
        checkpoint = Checkpoint(f"model {base.name}", _directory(base))
        tied = ties_embeddings(checkpoint)
        check_tied_head(checkpoint, tied)
        count_blocks(checkpoint)
        infos = {n: i for n, i in checkpoint.infos.items() if not (tied and is_head(n))}
        digest = cache(lambda: weights_digest(infos, checkpoint.tensor))
        any_rows = vocabulary is not None
        sources: dict[str, Source] = {}
        for expert in experts:
            label, directory = f"model {expert.name}", _directory(expert)
            if is_adapter(directory):
                sources[expert.name] = Adapter(label, directory, infos, tied, any_rows=any_rows)
            elif is_pack(directory):
                sources[expert.name] = DeltaPack(label, directory, infos, checkpoint.config, digest)
            else:
                sources[expert.name] = FullExpert(Checkpoint(label, directory), checkpoint, tied, any_rows)
                continue
            if not any_rows:
                check_same_tokens(label, directory, checkpoint.directory, _rows(base, None, infos))
        if vocabulary is None:
            return cls(base, tuple(experts), checkpoint, sources)
        members = [_member(base, None, infos), *(_member(expert, sources[expert.name], infos) for expert in experts)]
        return cls(base, tuple(experts), checkpoint, sources, _planned(vocabulary, members, infos))

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that holds most of the base's values; each merged tensor keeps its own base dtype."""
        sizes: Counter[torch.dtype] = Counter()
        for name in self._names:
            info = self.tensor_info(name)
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
            (source.checkpoint if isinstance(source, FullExpert) else source).check_finite()

    def tensor_names(self) -> tuple[str, ...]:
        """Return the sorted names of the checkpoint's tensors, without a head that is tied."""
        return self._names

    def tensor_info(self, name: str) -> TensorInfo:
        """Return shape and stored dtype of a base tensor without reading it."""
        info = self._checkpoint.infos[name]
        vocabulary = self._remapped(name)
        return info if vocabulary is None else replace(info, shape=(vocabulary.size, *info.shape[1:]))

    def is_merged(self, name: str) -> bool:
        """Return whether operators may change a tensor.

        Integers, rotary buffers and what belongs to another modality (vision towers, projectors) stay the base's.
        """
        return self._checkpoint.infos[name].is_float and not is_buffer(name) and not is_tower(name)

    def is_adapter(self, expert: str) -> bool:
        """Return whether an expert is a LoRA adapter on the base."""
        return isinstance(self._source(expert), Adapter)

    def is_pack(self, expert: str) -> bool:
        """Return whether an expert is a delta pack."""
        return isinstance(self._source(expert), DeltaPack)

    def adapter(self, expert: str) -> Adapter:
        """Return an expert that is a LoRA adapter.

        Raises:
            ModelError: there is no such expert, or it is no adapter.
        """
        source = self._source(expert)
        if not isinstance(source, Adapter):
            raise ModelError(f"model {expert}", "it is no LoRA adapter", "give the directory of a PEFT LoRA adapter")
        return source

    def weight_files(self) -> dict[str, list[Path]]:
        """Return the weight files of every model by its short name."""
        opened = {self.base.name: self._checkpoint} | {
            name: source.checkpoint if isinstance(source, FullExpert) else source
            for name, source in self._sources.items()
        }
        return {name: [files.directory / f for f in files.files] for name, files in opened.items()}

    def base_tensor(self, name: str) -> Tensor:
        """Return a base tensor in its stored dtype; its memory is the mapped file, so never write to it."""
        vocabulary = self._remapped(name)
        return self._checkpoint.tensor(name) if vocabulary is None else vocabulary.base_rows(self._matrix(name))

    def delta(self, name: str, expert: str) -> Tensor | None:
        """Return the fp32 task vector of one tensor (4 bytes per element); None where it is provably zero.

        For a LoRA adapter this is ``scale * B @ A`` computed in fp32, for a checkpoint expert minus base, for a
        delta pack what its codes decode to.
        """
        if not self.is_merged(name):
            return None
        source, vocabulary = self._source(expert), self._remapped(name)
        if vocabulary is not None:
            return vocabulary.delta(expert, self._matrix(name))
        return source.delta(name, self.base_tensor(name))

    def stored(self, name: str, expert: str) -> Tensor | None:
        """Return the expert's own tensor where expert minus base is its task vector and is best kept as these two.

        Its memory is the mapped file, so never write to it. None where the expert is no checkpoint or where its
        tensor, or the base's, is not bf16 or belongs to another vocabulary.
        """
        source = self._source(expert)
        if not isinstance(source, FullExpert) or not self.is_merged(name) or self._remapped(name) is not None:
            return None
        tensor = source.tensor(name)
        return tensor if is_storable(tensor) and is_storable(self.base_tensor(name)) else None

    def factors(self, name: str, expert: str) -> Factors | None:
        """Return the low-rank form of one tensor's task vector; None where the expert has none."""
        source, vocabulary = self._source(expert), self._remapped(name)
        factors = source.factors(name) if isinstance(source, Adapter) and self.is_merged(name) else None
        return factors if factors is None or vocabulary is None else vocabulary.factors(expert, factors)

    def _remapped(self, name: str) -> OutputVocabulary | None:
        """Return the output vocabulary where a tensor's rows are not simply those of the files."""
        return (
            self.vocabulary if self.vocabulary is not None and self.vocabulary.remaps and is_vocabulary(name) else None
        )

    def _matrix(self, name: str) -> Matrix:
        """Return the function from a model to its own tensor, in its own vocabulary."""
        stored = self._checkpoint.tensor(name)

        def matrix(model: str) -> Tensor:
            if model == self.base.name:
                return stored
            source = self._sources[model]
            whole = None if isinstance(source, DeltaPack) else _whole(source, name)
            if whole is not None:
                return whole
            delta = source.delta(name, stored)
            return stored if delta is None else delta + stored

        return matrix

    def _source(self, expert: str) -> Source:
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


def _whole(source: FullExpert | Adapter, name: str) -> Tensor | None:
    """Return a tensor that an expert stores as a whole; None where it only changes the base's."""
    return source.tensor(name) if isinstance(source, FullExpert) else source.replacement(name)


def _member(ref: ModelRef, source: Source | None, infos: Mapping[str, TensorInfo]) -> Member:
    return Member(ref.name, f"model {ref.name}", _directory(ref), _rows(ref, source, infos))


def _planned(policy: VocabularyPolicy, members: Sequence[Member], infos: Mapping[str, TensorInfo]) -> OutputVocabulary:
    base, *experts = members
    plan = plan_vocabulary(policy, base, experts)
    odd = next((name for name in infos if _PER_LAYER in name), None)
    if plan.remaps and odd is not None:
        problem = f"its tensor {odd} has a vocabulary of its own, whose rows cannot be moved"
        raise ModelError(base.label, problem, "merge experts that have exactly the base's tokens")
    return plan


def _rows(ref: ModelRef, source: Source | None, infos: Mapping[str, TensorInfo]) -> int:
    """Return the number of rows of a model's embedding and head; without a source, of the base's.

    Raises:
        ModelError: they differ, or there are none.
    """
    names = [name for name in infos if is_vocabulary(name)]
    own = {} if source is None or isinstance(source, DeltaPack) else {name: _whole(source, name) for name in names}
    rows = {infos[name].shape[0] if (whole := own.get(name)) is None else whole.shape[0] for name in names}
    if len(rows) != 1:
        raise ModelError(
            f"model {ref.name}",
            f"its embedding and head have {sorted(rows)} rows",
            "use a model whose embedding and head are of one size",
        )
    return rows.pop()
