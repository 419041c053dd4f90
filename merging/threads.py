"""Mapping over tensors on all cores, and memory that is written again instead of allocated again."""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from threading import Barrier
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Together enough for the longest wait behind an embedding, and little beside a model.
AHEAD_BYTES = 1 << 28
# Handing an item to a thread and back costs as much as merging half a megabyte.
BATCH_BYTES = 1 << 22

# The function as torch has it: vLLM puts one in its place that does nothing, after this module is imported.
set_num_threads = torch.set_num_threads

# Parameters of glibc's mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4

Item = TypeVar("Item")
Result = TypeVar("Result")


class Threads:
    """As many threads as torch uses, each of which runs torch operations alone.

    One thread per tensor beats several per operation: blocks of one tensor stay in the cache of one core, and
    no operation waits for another core to wake up.
    """

    def __init__(self, first: Callable[[], object] = lambda: None) -> None:
        """Start nothing; the first map does.

        Args:
            first: see :func:`single_threaded_pool`.
        """
        self._first = first
        self._pool: ThreadPoolExecutor | None = None

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        size: Callable[[Item], int] | None = None,
        ahead: int = AHEAD_BYTES,
    ) -> Iterator[Result]:
        """Yield results in the order of the items, which are taken few at a time.

        Args:
            function: called on a thread of its own for each item.
            items: what to map.
            size: bytes that an item's result takes. Where given, a thread takes small items together, results of
                ``ahead`` bytes may wait, so that a large item in front does not leave the other threads idle, and while
                one thread is at the first, as many are taken before another thread begins: taking them and mapping them
                in turn, threads would wait for the interpreter's lock.
            ahead: see ``size``.
        """
        threads = torch.get_num_threads()
        if threads == 1:
            yield from map(function, items)
            return
        if self._pool is None:
            self._pool = single_threaded_pool(threads, self._first)
        waiting: deque[tuple[Future[list[Result]], int]] = deque()
        unread = 0
        try:
            for batch, held in _taken(_batches(items, size, ahead), ahead if size is not None else 0):
                waiting.append((self._pool.submit(_each, function, batch), held))
                unread += held
                while len(waiting) > threads and unread > ahead:
                    future, held = waiting.popleft()
                    unread -= held
                    yield from future.result()
            while waiting:
                yield from waiting.popleft()[0].result()
        finally:
            for future, _ in waiting:
                future.cancel()
            # What runs on may write into memory that the caller takes back.
            wait([future for future, _ in waiting])


def _each(function: Callable[[Item], Result], batch: Sequence[Item]) -> list[Result]:
    return [function(item) for item in batch]


def _batches(items: Iterable[Item], size: Callable[[Item], int] | None, ahead: int) -> Iterator[tuple[list[Item], int]]:
    """Yield items with the bytes of their results: one by one without a size, else together up to ``BATCH_BYTES``."""
    batch: list[Item] = []
    held = 0
    for item in items:
        if size is None:
            yield [item], ahead
            continue
        batch.append(item)
        held += size(item)
        if held >= BATCH_BYTES:
            yield batch, held
            batch, held = [], 0
    if batch:
        yield batch, held


def _taken(batches: Iterable[tuple[list[Item], int]], ahead: int) -> Iterator[tuple[list[Item], int]]:
    """Yield the first batch, then take so many bytes before the second is yielded."""
    rest = iter(batches)
    yield from islice(rest, 1)
    first: list[tuple[list[Item], int]] = []
    while sum(held for _, held in first) < ahead and (one := next(rest, None)) is not None:
        first.append(one)
    yield from first
    yield from rest


def single_threaded_pool(threads: int, first: Callable[[], object] = lambda: None) -> ThreadPoolExecutor:
    """Return a pool whose threads run torch operations on themselves only.

    Args:
        threads: how many.
        first: each of them calls it before anything else. Every library that is built on torch sets a thread's number
            of threads to the process's at its first parallel operation there, so whoever uses one has to begin with it.
    """
    ready = Barrier(threads + 1)
    own = torch.get_num_threads()

    def alone() -> None:
        # The count is read first because torch, too, sets it at its first use.
        try:
            torch.get_num_threads()
            first()
            set_num_threads(1)
        finally:
            ready.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="merge", initializer=alone)
    for _ in range(threads):
        pool.submit(int)
    ready.wait()
    # torch keeps the last count for threads to come; this thread's own never changed.
    set_num_threads(own)
    return pool


class Recycled:
    """Buffers for merged tensors, given out again once nothing refers to them.

    A fresh allocation of this size costs a page fault per 4 KiB, which is more than the merge itself.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._buffers: dict[int, deque[npt.NDArray[np.uint8]]] = {}

    def empty_like(self, tensor: Tensor) -> Tensor:
        """Return a contiguous tensor of undefined content, of the shape and dtype of ``tensor``."""
        size = tensor.numel() * tensor.element_size()
        if size == 0:
            return torch.empty_like(tensor)
        held = self._buffers.setdefault(size, deque())
        for _ in range(len(held)):
            # What was given out longest ago comes first: it is the likeliest to be free.
            held.rotate(-1)
            # Every tensor on a buffer, views of it included, keeps it referred to: here the deque and the argument.
            if sys.getrefcount(held[-1]) == 2:
                break
        else:
            held.append(np.empty(size, dtype=np.uint8))
        return torch.frombuffer(held[-1], dtype=tensor.dtype).view(tensor.shape)


def keep_freed_memory() -> None:
    """Keep large blocks that are freed in the process; does nothing where the C library is not glibc.

    glibc maps every block above 32 MiB anew, and gives freed memory at the end of the heap back; touching it again
    costs a page fault every 4 KiB, more than what merges and packs do with it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
