"""The memory in which vLLM keeps the packed copy of a weight, to write the next candidate's into.

Where oneDNN packs, vLLM tells neither address nor order, and a new pack costs three times as much as a copy. The
address is read from its objects, and believed only if the weight lies there in an order that is known, and if vLLM
multiplies with what is written there.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workers.engines.pack_loops import SIDE, interleave

# Rows of a block: what oneDNN and vLLM's own library take, by processor and number of rows.
_BLOCKS = (32, 64, 48, 16)
_ALIGNMENT = 64
_PORTION = 1 << 22
# In a handler of vLLM 0.32 (csrc/cpu/dnnl_helper.h): the first argument of its product. An argument: where the next one
# is, its number, and oneDNN's object for its memory.
_FIRST, _ARGUMENT = 64, struct.Struct("<QixxxxQ")
_WEIGHTS, _ARGUMENTS = 33, 32
# In that object of oneDNN 3: its list of storages; in a storage: the address.
_STORAGES, _ADDRESS = 792, 48
_MEMORY = Path("/proc/self/mem")


class PackMemory:
    """A weight and the memory of its pack."""

    def __init__(self, weight: torch.Tensor, pack: Any) -> None:
        """Take both as the numbers that :func:`interleave` takes."""
        self._weight = weight
        self._pairs = _pairs(weight)
        self._pack = pack

    def write(self) -> None:
        """Pack the weight as it is now."""
        interleave(self._pairs, self._pack)

    def obeyed(self, multiply: Callable[..., torch.Tensor]) -> bool:
        """Return whether vLLM's product, of rows, a weight and a bias, takes what is written here for the weight."""
        rows, columns = self._weight.shape
        # A product tells as many columns of zeros and ones apart as its dtype has exact powers of two.
        chance, powers = torch.Generator().manual_seed(0), 2.0 ** torch.arange(8)
        row_bits, column_bits = (torch.randint(2, (size, 1), generator=chance) for size in (rows, columns))
        asked = torch.randperm(columns, generator=chance)[: len(powers)]
        given = torch.zeros(1, columns, dtype=self._weight.dtype)
        given[0, asked] = powers.to(given.dtype)
        block = self._pack.shape[2]
        try:
            for part in _portions(rows, columns, block):
                ones = (row_bits[part] != column_bits.t()).to(given.dtype)
                interleave(_pairs(ones), self._pack[part.start // block : part.stop // block])
            product = multiply(given, self._weight, None)
        finally:
            self.write()
        return torch.equal(product[0].float(), (row_bits != column_bits[asked].t()).float() @ powers)


def of_tensor(pack: torch.Tensor, weight: torch.Tensor) -> PackMemory | None:
    """Return the memory of a pack that is a tensor; None where its order is not known here."""
    if not pack.is_contiguous() or pack.dtype != weight.dtype or pack.numel() != weight.numel():
        return None
    return _at(pack.data_ptr(), weight)


def of_handler(handler: int, weight: torch.Tensor) -> PackMemory | None:
    """Return the memory of the pack that a oneDNN handler of vLLM holds; None where it or its order is not known here.

    Args:
        handler: its address.
        weight: what it packed, of shape (out, in).
    """
    node = _pointer(handler + _FIRST)
    for _ in range(_ARGUMENTS):
        found = _read(node, _ARGUMENT.size)
        if len(found) < _ARGUMENT.size:
            return None
        node, number, memory = _ARGUMENT.unpack(found)
        if number == _WEIGHTS:
            return _at(_pointer(_pointer(_pointer(memory + _STORAGES)) + _ADDRESS), weight)
    return None


def _at(address: int, weight: torch.Tensor) -> PackMemory | None:
    fits = weight.numel() > 0 and weight.element_size() == 2 and weight.is_contiguous()
    if not fits or weight.shape[1] % (2 * SIDE) or weight.storage_offset() % 2 or address % _ALIGNMENT:
        return None
    rows, columns = weight.shape
    for block in _BLOCKS:
        if rows % block == 0 and _lies(address, weight, block):
            memory: Any = (ctypes.c_char * (2 * rows * columns)).from_address(address)
            pack = np.frombuffer(memory, np.uint32).reshape(rows // block, columns // 2, block)
            return PackMemory(weight, pack)
    return None


def _lies(address: int, weight: torch.Tensor, block: int) -> bool:
    """Return whether a weight lies at an address in blocks of so many rows."""
    count, columns = weight.shape
    for rows in _portions(count, columns, block):
        size = 2 * (rows.stop - rows.start) * columns
        room = np.empty(size + _ALIGNMENT, np.uint8)
        start = -room.ctypes.data % _ALIGNMENT
        expected = room[start : start + size]
        interleave(_pairs(weight[rows]), expected.view(np.uint32).reshape(-1, columns // 2, block))
        if _read(address + 2 * rows.start * columns, size) != expected.tobytes():
            return False
    return True


def _portions(rows: int, columns: int, block: int) -> Iterator[slice]:
    """Yield rows in whole blocks, few enough to need no memory that anybody would have planned for."""
    step = max(1, _PORTION // (2 * columns * block)) * block
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def _pointer(address: int) -> int:
    return int.from_bytes(_read(address, 8), "little")


def _read(address: int, size: int) -> bytes:
    """Return the bytes at an address, fewer or none where nothing is there."""
    read = b""
    with suppress(OSError, OverflowError), _MEMORY.open("rb", buffering=0) as memory:
        while len(read) < size and (more := os.pread(memory.fileno(), size - len(read), address + len(read))):
            read += more
    return read


def _pairs(weight: torch.Tensor) -> Any:
    return weight.view(torch.int32).numpy().view(np.uint32)
