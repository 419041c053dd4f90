"""Tensors of the host that a GPU reads for every candidate, kept there as far as they fit."""

from __future__ import annotations

import torch
from torch import Tensor

STAGING_BYTES = 1 << 26


class Mirror:
    """Copies of host tensors on a device, each made when it is first asked for.

    A host tensor must not change while it is mirrored; prepared state and mapped files never do.

    Args:
        device: where the copies are.
        budget: bytes that may be kept there; what does not fit is copied again for every candidate, through pinned
            memory. None keeps everything.
    """

    def __init__(self, device: torch.device, budget: int | None = None) -> None:
        """Hold nothing yet."""
        self._device = device
        self._budget = budget
        self._kept: dict[tuple[int, int, torch.dtype], tuple[Tensor, Tensor]] = {}
        self._staging = _Staging(device)
        self.kept_bytes = 0
        self.streamed_bytes = 0

    def of(self, tensor: Tensor) -> Tensor:
        """Return a contiguous tensor's copy; valid for work that is launched now on the current stream."""
        key = (tensor.data_ptr(), tensor.numel(), tensor.dtype)
        if key in self._kept:
            return self._kept[key][1]
        copy = self._staging.copy(tensor)
        if self._budget is not None and self.kept_bytes + tensor.nbytes > self._budget:
            self.streamed_bytes += tensor.nbytes
            return copy
        # The host tensor is kept too, so that no other takes its address.
        self._kept[key] = (tensor, copy)
        self.kept_bytes += tensor.nbytes
        return copy

    def clear(self) -> None:
        """Forget every copy."""
        self._kept.clear()
        self.kept_bytes = 0


class _Staging:
    """Copies to a device through two pinned buffers, one filled while the other is on its way."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffers: list[tuple[Tensor, torch.Event]] = []
        self._next = 0

    def copy(self, tensor: Tensor) -> Tensor:
        out = torch.empty(tensor.shape, dtype=tensor.dtype, device=self._device)
        if self._device.type != "cuda":
            return out.copy_(tensor)
        if not self._buffers:
            self._buffers = [
                (torch.empty(STAGING_BYTES, dtype=torch.uint8, pin_memory=True), torch.Event(self._device))
                for _ in range(2)
            ]
        source, target = tensor.reshape(-1).view(torch.uint8), out.view(-1).view(torch.uint8)
        for start in range(0, len(source), STAGING_BYTES):
            part = source[start : start + STAGING_BYTES]
            buffer, sent = self._buffers[self._next]
            self._next = 1 - self._next
            sent.synchronize()
            target[start : start + len(part)].copy_(buffer[: len(part)].copy_(part), non_blocking=True)
            sent.record()
        return out
