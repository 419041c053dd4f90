"""The weights of a running engine as places that a merge is written into."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor

from merging.loops import Flat
from merging.parts import Part, Work, bind


@dataclass(frozen=True)
class Place:
    """Where one part of a checkpoint tensor lives in an engine.

    Args:
        out: a view of the engine's parameter, of any strides and of the engine's dtype.
        offset, size, stride: which elements of the contiguous checkpoint tensor it holds, as ``torch.as_strided``
            takes them; ``size`` is the shape of ``out``.
    """

    out: Tensor
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @cached_property
    def span(self) -> slice | None:
        """The elements as one span of the flattened tensor, where they lie in it and in the engine as they are."""
        if not self.out.is_contiguous() or self.stride != self.out.stride():
            return None
        return slice(self.offset, self.offset + self.out.numel())

    def takes(self, dtype: torch.dtype) -> slice | None:
        """The ``span``, where a value that is rounded to the engine's dtype is the one that a checkpoint would give.

        Args:
            dtype: of the checkpoint; from any but fp32 the engine would round a second time.
        """
        return self.span if dtype in (torch.float32, self.out.dtype) else None

    @cached_property
    def flat(self) -> Flat:
        """The part, flat; only where it has a ``span``."""
        return Flat(self.out.view(-1))

    def copy(self, merged: Tensor) -> None:
        """Copy the part out of the whole merged tensor."""
        self.out.copy_(merged.as_strided(self.size, self.stride, merged.storage_offset() + self.offset))


@dataclass
class LiveWeights:
    """Every place of every checkpoint tensor in one process of an engine.

    Args:
        places: by checkpoint name; a tensor may have several places, or none where another process holds it. They
            stay where they are: a GPU's tables hold their addresses.
        at_base: names whose places are known to hold the base's values, which need not be written again where a
            merge leaves the base as it is.
    """

    places: Mapping[str, Sequence[Place]]
    at_base: set[str] = field(default_factory=set)

    @property
    def device(self) -> torch.device:
        """Where the engine's weights are."""
        return next(place.out.device for places in self.places.values() for place in places)

    def write_base(self, name: str, base: Tensor) -> bool:
        """Write the base's tensor to all its places; return False where it is there already."""
        if name in self.at_base:
            return False
        for place in self.places[name]:
            place.copy(base)
        self.at_base.add(name)
        return True


def bind_places(base: Tensor, parts: Sequence[Part] | None, name: str, live: LiveWeights) -> Callable[[], bool]:
    """Return what writes one tensor to all its places in this host's memory.

    Args:
        base: the base tensor.
        parts: what computes the merged one; None leaves it as it is.
        name: of the tensor.
        live: where it lives.

    Returns:
        A function that returns False where the base's values are there already and stay. It raises ``Infeasible`` where
        a merged value is not finite in the dtype that it is written in.
    """
    if parts is None:
        return partial(live.write_base, name, base)
    work: list[Work] = []
    others: list[Place] = []
    for place in live.places[name]:
        span = place.takes(base.dtype)
        if span is None:
            others.append(place)
        else:
            work += bind(parts, span, place.flat)
    if others:
        work.append(partial(_copy_to, others, base, parts))

    def write() -> bool:
        live.at_base.discard(name)
        for one in work:
            one()
        return True

    return write


def _copy_to(places: Sequence[Place], base: Tensor, parts: Sequence[Part]) -> None:
    merged = torch.empty(base.shape, dtype=base.dtype)
    for work in bind(parts, slice(0, base.numel()), Flat(merged.view(-1))):
        work()
    for place in places:
        place.copy(merged)
