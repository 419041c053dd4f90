"""Tensors of the host that a GPU reads for every candidate, kept there as far as they fit."""

from __future__ import annotations

import torch
from torch import Tensor

STAGING_BYTES = 1 << 26
_CHUNK_BYTES = 1 << 26
# Whatever is read from scratch memory is aligned as a launch likes it best.
_ALIGNMENT = 256


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
        self.device = device
        self._budget = budget
        self._kept: dict[tuple[int, int, torch.dtype], tuple[Tensor, Tensor]] = {}
        self._staging = _Staging(device)
        self.kept_bytes = 0
        self.streamed_bytes = 0

    def kept(self, tensor: Tensor) -> Tensor | None:
        """Return the copy that is kept of a contiguous tensor; None where it does not fit."""
        key = (tensor.data_ptr(), tensor.numel(), tensor.dtype)
        if key in self._kept:
            return self._kept[key][1]
        if self._budget is not None and self.kept_bytes + tensor.nbytes > self._budget:
            return None
        copy = torch.empty(tensor.shape, dtype=tensor.dtype, device=self.device)
        self._staging.copy(tensor, copy)
        # The host tensor is kept too, so that no other takes its address.
        self._kept[key] = (tensor, copy)
        self.kept_bytes += tensor.nbytes
        return copy

    def send(self, tensor: Tensor, out: Tensor) -> None:
        """Copy a contiguous tensor that does not fit into contiguous memory of the device."""
        self._staging.copy(tensor, out)
        self.streamed_bytes += tensor.nbytes

    def of(self, tensor: Tensor) -> Tensor:
        """Return a contiguous tensor's copy; valid for work that is launched now on the current stream."""
        copy = self.kept(tensor)
        if copy is None:
            copy = torch.empty(tensor.shape, dtype=tensor.dtype, device=self.device)
            self.send(tensor, copy)
        return copy


class Scratch:
    """Memory of a device for what one step of a candidate needs and the next one may overwrite.

    Args:
        device: whose memory.
    """

    def __init__(self, device: torch.device) -> None:
        """Take no memory yet."""
        self._device = device
        self._chunks: list[Tensor] = []
        self.rewind()

    def rewind(self) -> None:
        """Begin a step: everything may be given out again."""
        self._chunk = self._used = self.taken = 0

    def take(self, count: int, dtype: torch.dtype) -> Tensor:
        """Return a flat tensor of undefined content that nobody else has in this step."""
        size = count * dtype.itemsize
        while self._chunk < len(self._chunks) and self._used + size > len(self._chunks[self._chunk]):
            self._chunk, self._used = self._chunk + 1, 0
        if self._chunk == len(self._chunks):
            self._chunks.append(torch.empty(max(size, _CHUNK_BYTES), dtype=torch.uint8, device=self._device))
        found = self._chunks[self._chunk][self._used : self._used + size].view(dtype)
        step = -(-size // _ALIGNMENT) * _ALIGNMENT
        self._used, self.taken = self._used + step, self.taken + step
        return found


class _Staging:
    """Copies to a device through two pinned buffers, one filled while the other is on its way."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._buffers: list[tuple[Tensor, torch.Event]] = []
        self._next = 0

    def copy(self, tensor: Tensor, out: Tensor) -> None:
        if self._device.type != "cuda":
            out.view(tensor.shape).copy_(tensor)
            return
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
