"""The weights of a running engine as places that a merge is written into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor


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

    @property
    def span(self) -> slice | None:
        """The elements as one span of the flattened tensor, where they lie in it and in the engine as they are."""
        if not self.out.is_contiguous() or self.stride != self.out.stride():
            return None
        return slice(self.offset, self.offset + self.out.numel())

    def copy(self, merged: Tensor) -> None:
        """Copy the part out of the whole merged tensor."""
        self.out.copy_(merged.as_strided(self.size, self.stride, self.offset))


@dataclass
class LiveWeights:
    """Every place of every checkpoint tensor in one process of an engine.

    Args:
        places: by checkpoint name; a tensor may have several places, or none where another process holds it.
        at_base: names whose places are known to hold the base's values, which need not be written again where a
            merge leaves the base as it is.
    """

    places: Mapping[str, Sequence[Place]]
    at_base: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)
