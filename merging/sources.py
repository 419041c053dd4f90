"""Models that a merge takes tensors from one by one, each alone: a checkpoint, with an adapter on it or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from torch import Tensor

from evomerge.errors import ModelError
from merging.blocks import difference
from merging.checkpoints import TensorInfo
from merging.models import ModelRef, ModelSet
from merging.names import is_embedding, is_head
from merging.operators.inputs import Factors
from merging.resolve import ResolvedModel
from merging.vocabulary.rows import OutputVocabulary

ADAPTER = "adapter"


class Source:
    """One model, opened read-only.

    Args:
        label: short name, unique within the merge.
        model: where the checkpoint is.
        adapter: where a PEFT LoRA adapter is that belongs to the model.

    Raises:
        ModelError: a file is missing or damaged, or the adapter does not fit.
    """

    def __init__(self, label: str, model: ResolvedModel, adapter: ResolvedModel | None = None) -> None:
        """Read headers and configuration."""
        self.label = label
        experts = [] if adapter is None else [ModelRef(ADAPTER, adapter.path, adapter.revision)]
        self.models = ModelSet.open(ModelRef(label, model.path, model.revision), experts)
        self._embedding = next((name for name in self.models.tensor_names() if is_embedding(name)), None)

    @property
    def rows(self) -> int:
        """Number of rows of the embedding."""
        if self._embedding is None:
            raise ModelError(self.models.base.name, "it has no embedding that is known here", "use a decoder")
        return self.models.tensor_info(self._embedding).shape[0]

    def stored(self, name: str) -> str | None:
        """Return the name under which a tensor is stored: its own, or the embedding's for a tied head."""
        if name in self.models.tensor_names():
            return name
        return self._embedding if is_head(name) and self.models.tied_embeddings else None

    def info(self, name: str) -> TensorInfo:
        """Return shape and stored dtype of a tensor."""
        return self.models.tensor_info(name)

    def tensor(self, name: str) -> Tensor:
        """Return a tensor: as stored, memory-mapped and read-only, or in fp32 where the adapter changes it."""
        base = self.models.base_tensor(name)
        delta = self._adapter_delta(name)
        return base if delta is None else base.float().add_(delta)

    def delta(self, name: str, base: Tensor, of: Source, base_name: str) -> Tensor | None:
        """Return the fp32 task vector of a tensor against the tensor ``base_name`` of another source.

        Where both are the same checkpoint, that is the adapter's change itself, with no rounding.
        """
        if self._shares(name, of, base_name):
            return self._adapter_delta(name)
        return difference(self.tensor(name), base)

    def factors(self, name: str, of: Source, base_name: str) -> Factors | None:
        """Return the low-rank form of that task vector; None where it has none."""
        if not self._shares(name, of, base_name) or not self.models.experts:
            return None
        return self.models.factors(name, ADAPTER)

    def _shares(self, name: str, of: Source, base_name: str) -> bool:
        return name == base_name and not of.models.experts and self.models.base.path == of.models.base.path

    def _adapter_delta(self, name: str) -> Tensor | None:
        return self.models.delta(name, ADAPTER) if self.models.experts else None


class TensorRef(Protocol):
    """One tensor of one source."""

    @property
    def source(self) -> Source:
        """The model that it belongs to."""

    @property
    def name(self) -> str:
        """Its stored name."""

    @property
    def info(self) -> TensorInfo:
        """Shape and stored dtype."""

    def load(self) -> Tensor:
        """Read it; see :meth:`Source.tensor`."""

    def delta(self, base: Tensor, of: TensorRef) -> Tensor | None:
        """Return the task vector against another tensor, whose value is ``base``; see :meth:`Source.delta`."""

    def factors(self, of: TensorRef) -> Factors | None:
        """Return its low-rank form; see :meth:`Source.factors`."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it is stored; see :class:`TensorRef`."""

    source: Source
    name: str

    @property
    def info(self) -> TensorInfo:
        """See :class:`TensorRef`."""
        return self.source.info(self.name)

    def load(self) -> Tensor:
        """See :class:`TensorRef`."""
        return self.source.tensor(self.name)

    def delta(self, base: Tensor, of: TensorRef) -> Tensor | None:
        """See :class:`TensorRef`."""
        return self.source.delta(self.name, base, of.source, of.name)

    def factors(self, of: TensorRef) -> Factors | None:
        """See :class:`TensorRef`."""
        return self.source.factors(self.name, of.source, of.name)


@dataclass(frozen=True)
class RemappedTensor:
    """An embedding or head in the vocabulary of the merge; see :class:`TensorRef`.

    Args:
        source: the model that it belongs to.
        name: its checkpoint name, the same in all models.
        vocabulary: of the merge.
        sources: every model, by label.
    """

    source: Source
    name: str
    vocabulary: OutputVocabulary
    sources: Mapping[str, Source]

    @property
    def info(self) -> TensorInfo:
        """See :class:`TensorRef`."""
        info = self.source.info(self._stored(self.source))
        return replace(info, shape=(self.vocabulary.size, *info.shape[1:]))

    def load(self) -> Tensor:
        """See :class:`TensorRef`; in fp32 where the source is not the base of the vocabulary."""
        base = self.vocabulary.base_rows(self._matrix)
        delta = self.vocabulary.delta(self.source.label, self._matrix)
        return base if delta is None else delta.add_(base)

    def delta(self, base: Tensor, of: TensorRef) -> Tensor | None:
        """See :class:`TensorRef`."""
        if of.source is self.source:
            return None
        if of.source.label == self.vocabulary.base:
            return self.vocabulary.delta(self.source.label, self._matrix)
        return self.load().float() - base.float()

    def factors(self, of: TensorRef) -> Factors | None:
        """See :class:`TensorRef`; rows that move have no such form."""
        return None

    def _matrix(self, label: str) -> Tensor:
        source = self.sources[label]
        return source.tensor(self._stored(source))

    def _stored(self, source: Source) -> str:
        return source.stored(self.name) or self.name
