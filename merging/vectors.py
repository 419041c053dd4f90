"""Task vectors of one tensor as kernels read them: span by span, in fp32, whatever they are kept as.

A full fine-tune's task vector is kept as what it is stored as: the expert's own bf16 weights, whose memory is the
mapped file, shared by all processes of a machine. That is half of what fp32 differences take, and a difference that is
formed where it is needed is the same number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import torch
from torch import Tensor

from merging.blocks import difference, is_finite
from merging.loops import array, exceeds, widest


@dataclass(frozen=True)
class StoredVector:
    """A task vector that is the difference of two stored tensors.

    Args:
        expert: bf16, flat and contiguous.
        base: likewise.
    """

    expert: Tensor
    base: Tensor

    @cached_property
    def array(self) -> Any:
        """The expert's weights as the loops take them."""
        return array(self.expert)

    def __len__(self) -> int:
        # torch's own len() takes ten times as long.
        return self.base.numel()

    def __getitem__(self, span: slice) -> Tensor:
        """Return a span in fp32, in memory of its own."""
        return self.expert[span].float().sub_(self.base[span])


Vector = Tensor | StoredVector
"""A flat task vector: ``vector[span]`` is fp32, ``len(vector)`` the number of elements."""


class StoredDeltas(Sequence[Tensor | None]):
    """The experts' task vectors of one tensor, none of which is kept: every access computes the fp32 difference.

    Args:
        base: bf16, contiguous.
        experts: likewise, in the shape of ``base``; None where an expert leaves the tensor as it is.
    """

    def __init__(self, base: Tensor, experts: Sequence[Tensor | None]) -> None:
        """Take the stored tensors."""
        self._base, self._experts = base, tuple(experts)

    def __len__(self) -> int:
        return len(self._experts)

    @overload
    def __getitem__(self, index: int) -> Tensor | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor | None]: ...
    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor | None] | None:
        """Compute one difference; a slice of them stays uncomputed."""
        if isinstance(index, slice):
            return StoredDeltas(self._base, self._experts[index])
        expert = self._experts[index]
        return None if expert is None else difference(expert, self._base)

    def vectors(self) -> tuple[StoredVector | None, ...]:
        """Return the task vectors as what they are stored as."""
        flat = self._base.view(-1)
        return tuple(None if one is None else StoredVector(one.view(-1), flat) for one in self._experts)


def vectors_of(deltas: Sequence[Tensor | None]) -> tuple[Vector | None, ...]:
    """Return the flat task vectors behind ``TensorInputs.deltas``."""
    if isinstance(deltas, StoredDeltas):
        return deltas.vectors()
    return tuple(None if delta is None else delta.reshape(-1) for delta in deltas)


def is_storable(tensor: Tensor) -> bool:
    """Return whether a tensor can stand for a task vector as it is stored."""
    return tensor.dtype == torch.bfloat16 and tensor.is_contiguous()


def is_finite_vector(vector: Vector) -> bool:
    """Return whether a task vector holds neither NaN nor infinity."""
    if isinstance(vector, StoredVector):
        return not exceeds(widest(array(vector.base), array(vector.expert)), torch.float32)
    return is_finite(vector)
