"""The experts' task vectors of every tensor of one merge, read once and kept where they are asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import ModelError
from merging.calibration.cache import model_identity
from merging.models import ModelSet
from merging.shared.codec import Known
from merging.shared.items import SharedState
from merging.vectors import StoredDeltas, StoredVector, Vector, is_finite_vector, is_storable


class TaskVectors:
    """The tensors of some models.

    Args:
        models: base and experts.
        resident: keep fp32 task vectors, 4 bytes per element and expert, and what is known of stored ones. Bases and
            stored experts are memory-mapped files.
        shared: where the processes of this node have the fp32 task vectors in common.
    """

    def __init__(self, models: ModelSet, *, resident: bool, shared: SharedState | None = None) -> None:
        """Take the models; nothing is read yet."""
        self._models = models
        self._resident = resident
        self._bases: dict[str, Tensor] = {}
        self._deltas: dict[tuple[str, str], Tensor | None] = {}
        self._experts: dict[tuple[str, str], Tensor | None] = {}
        self._items = None if shared is None else shared.items({"task vectors": 1, **models_key(models)})

    def base(self, name: str) -> Tensor:
        """Return a base tensor as it is stored; read-only."""
        if not self._resident:
            return self._models.base_tensor(name)
        if name not in self._bases:
            self._bases[name] = self._models.base_tensor(name)
        return self._bases[name]

    def of(self, name: str, experts: Sequence[str], *, by_span: bool) -> Sequence[Tensor | None]:
        """Return task vectors as ``TensorInputs.deltas`` takes them, read ``by_span`` or whole.

        Raises:
            ModelError: one holds NaN or infinity.
        """
        stored: list[Tensor | None] = []
        for expert in experts if by_span else ():
            tensor = self._expert(name, expert)
            if tensor is None and self._delta(name, expert) is not None:
                break
            stored.append(tensor)
        if len(stored) == len(experts) and any(tensor is not None for tensor in stored):
            return StoredDeltas(self.base(name), stored)
        return tuple(self._delta(name, expert) for expert in experts)

    def _expert(self, name: str, expert: str) -> Tensor | None:
        """Return what an expert stores in a base tensor's place; None where that is no task vector, or an empty one."""
        if (name, expert) in self._experts:
            return self._experts[name, expert]
        tensor = self._models.stored(name, expert)
        if tensor is not None:
            tensor = changed(tensor, self.base(name), expert, name)
        if self._resident:
            self._experts[name, expert] = tensor
        return tensor

    def _delta(self, name: str, expert: str) -> Tensor | None:
        if (name, expert) in self._deltas:
            return self._deltas[name, expert]
        if self._items is None or not may_change(self._models, expert, name):
            delta = self._computed(name, expert)
        else:
            found = self._items.find(f"{name}\0{expert}", Known, lambda: self._computed(name, expert))
            assert found is not None
            delta = found.value
        if self._resident:
            self._deltas[name, expert] = delta
        return delta

    def _computed(self, name: str, expert: str) -> Tensor | None:
        delta = self._models.delta(name, expert)
        if delta is not None:
            check_finite(delta.reshape(-1), expert, name)
        return delta


def may_change(models: ModelSet, expert: str, name: str) -> bool:
    """Return whether an expert may change a tensor: an adapter says which, any other model may change all."""
    return not models.is_adapter(expert) or name in models.adapter(expert).touched()


def models_key(models: ModelSet) -> dict[str, Any]:
    """Return what tells models from others on this node, for :class:`merging.shared.items.SharedState`."""
    return {"models": model_identity(models), "blocks": [models.num_blocks, models.depth]}


def stored_deltas(base: Tensor, tensors: Sequence[Tensor], experts: Sequence[str], name: str) -> StoredDeltas | None:
    """Return task vectors of what experts store in a base tensor's place; None where they must be computed.

    Raises:
        ModelError: one holds NaN or infinity.
    """
    if not all(map(is_storable, (base, *tensors))):
        return None
    pairs = zip(tensors, experts, strict=True)
    return StoredDeltas(base, [changed(tensor, base, expert, name) for tensor, expert in pairs])


def changed(tensor: Tensor, base: Tensor, expert: str, name: str) -> Tensor | None:
    """Return a stored tensor where it differs from the base; raises as :func:`check_finite` does."""
    if torch.equal(tensor, base):
        return None
    check_finite(StoredVector(tensor.view(-1), base.view(-1)), expert, name)
    return tensor


def check_finite(vector: Vector, expert: str, name: str) -> None:
    """Check an expert's change to a tensor.

    Raises:
        ModelError: it holds NaN or infinity, which a selection, a clamp or a failed decomposition would hide from
            the check of the result.
    """
    if not is_finite_vector(vector):
        raise ModelError(
            f"model {expert}", f"its change to {name} holds NaN or infinite values", "repair it or leave it out"
        )
