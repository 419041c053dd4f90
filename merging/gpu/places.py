"""Writing merged tensors into an engine's weights on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from merging.gpu.mirror import Mirror
from merging.gpu.writer import GpuWriter
from merging.live import LiveWeights, Place
from merging.operators.kernels import LoopKernel, Part

# Parts of tensors that do not lie in the engine as they are wait for the launch in memory of their own.
_SCRATCH_BYTES = 1 << 28


class GpuPlaces:
    """Collects the tensors of a candidate and writes them together.

    Args:
        device: of the engine's weights.
        budget: bytes of prepared state that may be kept there, see :class:`merging.gpu.mirror.Mirror`.
    """

    def __init__(self, device: torch.device, budget: int | None = None) -> None:
        """Hold nothing yet."""
        self.mirror = Mirror(device, budget)
        self._writer = GpuWriter(self.mirror)
        self._scattered: list[tuple[Place, Tensor]] = []
        self._scratch_bytes = 0

    def takes(self, parts: Sequence[Part] | None, places: Sequence[Place]) -> bool:
        """Return whether a tensor can be computed here; others are computed by the processor and copied."""
        return parts is None or all(
            part.kernel is None or self._writer.takes(part.kernel, part.base, place.out)
            for part in parts
            for place in places
        )

    def write(self, base: Tensor, parts: Sequence[Part] | None, name: str, live: LiveWeights) -> bool:
        """Note one tensor, or copy the base's; see :func:`merging.live.write_places`."""
        if parts is None:
            return name not in live.at_base and live.write_base(name, self.mirror.of(base))
        live.at_base.discard(name)
        merged: Tensor | None = None
        for place in live.places[name]:
            span = place.takes(base.dtype)
            if span is not None:
                self._add(parts, name, span, place.out.view(-1))
                continue
            if merged is None:
                merged = torch.empty(base.shape, dtype=base.dtype, device=place.out.device)
                self._add(parts, name, slice(0, base.numel()), merged.view(-1))
                self._scratch_bytes += merged.nbytes
            self._scattered.append((place, merged))
        if self._scratch_bytes > _SCRATCH_BYTES:
            self.finish()
        return True

    def finish(self) -> None:
        """Compute what was noted and wait for it.

        Raises:
            Infeasible: a merged value is not finite.
        """
        scattered, self._scattered, self._scratch_bytes = self._scattered, [], 0
        self._writer.run()
        for place, merged in scattered:
            place.copy(merged)

    def _add(self, parts: Sequence[Part], name: str, span: slice, out: Tensor) -> None:
        for part in parts:
            inside = part.within(span)
            if inside is None:
                continue
            target = out[inside.span.start - span.start : inside.span.stop - span.start]
            if isinstance(inside.kernel, LoopKernel):
                self._writer.add(name, inside.kernel, inside.span, target, inside.profile)
            else:
                target.copy_(self.mirror.of(inside.base)[inside.span])
