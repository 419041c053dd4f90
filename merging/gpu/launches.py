"""What one candidate launches on a GPU: tables made once, into which every candidate puts its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evomerge.errors import Infeasible
from merging.gpu.binding import Bound
from merging.gpu.loops import BLOCK
from merging.loops import exceeds

_ALIGNMENT = 16
_PROFILE = 1

Kind = tuple[Any, tuple[tuple[str, Any], ...], int]
"""A Triton function, the constants that it is compiled for, and the length of a line of numbers."""


@dataclass
class Rows:
    """The spans that one launch works through.

    Args:
        labels: tensors, for errors.
        lines: which of the candidate's lines of numbers applies to each.
        tensors: whose depth profile applies to each.
        pointers: see :mod:`merging.gpu.loops`.
    """

    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    tensors: list[int] = field(default_factory=list)
    pointers: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One span of one tensor.

    Args:
        label: of the tensor.
        line: index of what is bound.
        tensor: index of the depth profile.
        bound: what is bound.
        arrays: on the device, whole and flat: the base, then one task vector per expert, then levels.
        stored: whether task vectors are kept as experts' weights.
        start: first element.
        out: flat and contiguous, as long as the span.
    """

    label: str
    line: int
    tensor: int
    bound: Bound
    arrays: Sequence[Tensor]
    stored: bool
    start: int
    out: Tensor

    def add_to(self, kinds: Mapping[Kind, Rows]) -> None:
        """Note the span where others of its kind are."""
        read = [one.data_ptr() + self.start * one.element_size() for one in self.arrays]
        experts = len(self.bound.vectors)
        constants: dict[str, Any] = {
            "EXPERTS": experts,
            "STORED": self.stored,
            "BASE16": self.arrays[0].dtype == torch.bfloat16,
            "OUT16": self.out.dtype == torch.bfloat16,
            "ALIGNED": all(address % _ALIGNMENT == 0 for address in (self.out.data_ptr(), *read)),
            **dict(self.bound.rules),
        }
        if self.bound.takes_levels:
            constants["LEVELS"] = 8 * self.arrays[-1].element_size()
        rows = kinds[self.bound.function, tuple(constants.items()), len(self.bound.numbers)]
        rows.labels.append(self.label)
        rows.lines.append(self.line)
        rows.tensors.append(self.tensor)
        rows.pointers.append([read[0], self.out.data_ptr(), len(self.out), *read[1:]])


class Exchange:
    """An array of the host, pinned, and its counterpart on a device.

    Args:
        size: elements that are needed.
        dtype: of both.
        device: where the counterpart is.
    """

    def __init__(self, size: int, dtype: torch.dtype, device: torch.device) -> None:
        """Take the memory."""
        pinned = device.type == "cuda"
        # No memory at all cannot be pinned everywhere.
        host = torch.zeros(max(1, size), dtype=dtype, pin_memory=pinned)
        self._host, self.array = host, host.numpy()
        self.there = torch.zeros(max(1, size), dtype=dtype, device=device)
        self._copied = torch.Event(device) if pinned else None

    def send(self) -> None:
        """Copy to the device."""
        self._copy(self.there, self._host)

    def fetch(self) -> None:
        """Copy from the device; there after :meth:`wait`."""
        self._copy(self._host, self.there)

    def wait(self) -> None:
        """Wait until the host's array may be read or written."""
        if self._copied is not None:
            self._copied.synchronize()

    def _copy(self, target: Tensor, source: Tensor) -> None:
        target.copy_(source, non_blocking=self._copied is not None)
        if self._copied is not None:
            self._copied.record()


class Launch:
    """All spans of one kind in one step of a candidate.

    Args:
        kind: what is launched.
        rows: the spans.
        device: where.
    """

    def __init__(self, kind: Kind, rows: Rows, device: torch.device) -> None:
        """Put the addresses and the division into blocks on the device."""
        self._function, constants, self._width = kind
        self._constants = dict(constants)
        self._labels, self._tensors = rows.labels, np.array(rows.tensors)
        self._lines, self._line_of_row = np.unique(rows.lines, return_inverse=True)
        pointers = np.array(rows.pointers, dtype=np.int64)
        self._columns = pointers.shape[1]
        counts = -(-pointers[:, 2] // BLOCK)
        inside = np.concatenate([np.arange(count) for count in counts])
        blocks = np.stack([np.repeat(np.arange(len(counts)), counts), inside], axis=1).astype(np.int32)
        self._grid = (len(blocks),)
        self._pointers, self._blocks = torch.from_numpy(pointers).to(device), torch.from_numpy(blocks).to(device)

    @property
    def num_rows(self) -> int:
        """Number of spans."""
        return len(self._labels)

    @property
    def num_numbers(self) -> int:
        """Length of the table of numbers."""
        return self.num_rows * self._width

    def fill(self, out: np.ndarray[Any, Any], bound: Mapping[int, Any], profiles: np.ndarray[Any, Any]) -> None:
        """Write the table of numbers, fp32.

        Args:
            out: as long as ``num_numbers``.
            bound: what is bound, by line.
            profiles: by tensor.
        """
        table = out.reshape(self.num_rows, self._width)
        lines = np.array([bound[line].numbers for line in self._lines.tolist()], dtype=np.float32)
        np.take(lines, self._line_of_row, axis=0, out=table)
        table[:, _PROFILE] = profiles[self._tensors]

    def run(self, numbers: Tensor, tops: Tensor) -> None:
        """Launch.

        Args:
            numbers: the table on the device.
            tops: largest magnitudes as fp32 bits, int32, one per span; zero so far.
        """
        self._function[self._grid](
            self._pointers, numbers, self._blocks, tops, self._columns, self._width,
            **self._constants, BLOCK=BLOCK, enable_fp_fusion=False,
        )  # fmt: skip

    def check(self, tops: np.ndarray[Any, Any]) -> None:
        """Check the largest magnitudes.

        Raises:
            Infeasible: a merged value is not finite in the dtype that it is written in.
        """
        dtype = torch.bfloat16 if self._constants["OUT16"] else torch.float32
        if exceeds(tops.max(), dtype):
            label = next(one for one, top in zip(self._labels, tops.tolist(), strict=True) if exceeds(top, dtype))
            raise Infeasible(f"{label}: a merged value is not finite in {dtype}")
