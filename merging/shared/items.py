"""Values that one process of a node computes and all of them read."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evomerge.errors import InvalidInput
from merging.shared import leases
from merging.shared.codec import PRIVATE, Known, UnshareableError, encode, read
from merging.shared.leases import Lease, is_at, lease, sweep

logger = logging.getLogger(__name__)

# What others need of the same file system: Ray's object store, what the ranks of an engine share.
RESERVE_BYTES, RESERVE_SHARE = 1 << 31, 0.1
_POLL_S = 0.02


@dataclass(frozen=True)
class Found:
    """A value, and the shared memory that its arrays are views of; None where it is this process's own."""

    value: Any
    memory: Tensor | None = None


class Items:
    """The values of one directory that the processes of this node share.

    A value belongs to the process that has locked its file: others compute other values meanwhile, or wait. Where
    that process dies, another one takes its place. What cannot be shared, because it holds more than arrays and plain
    data or because there is no room, every process computes for itself.

    Args:
        held: keeps the directory.
        waiting: called again and again while another process computes.
    """

    def __init__(self, held: Lease, waiting: Callable[[], object]) -> None:
        """Take the directory; nothing is computed yet."""
        self._lease = held
        self._waiting = waiting
        self._alone = False

    def find(
        self, name: str, known: Callable[[], Known], compute: Callable[[], Any], *, wait: bool = True
    ) -> Found | None:
        """Return a value, computed here or elsewhere.

        Args:
            name: of the value.
            known: returns what the value may refer to.
            compute: returns the value; its errors are raised here, and leave the value to others.
            wait: for another process that computes it now; otherwise that gives None.
        """
        if self._alone:
            return Found(compute())
        try:
            return self._found(name, known, compute, wait)
        except _UnusableError as error:
            self._give_up(error)
            return Found(compute())

    def _found(self, name: str, known: Callable[[], Known], compute: Callable[[], Any], wait: bool) -> Found | None:
        path = self._lease.directory / hashlib.sha256(name.encode()).hexdigest()[:32]
        part = path.with_suffix(".part")
        while not path.exists():
            with _opened(part) as file:
                if not _locked(file):
                    if not wait:
                        return None
                    self._waiting()
                    time.sleep(_POLL_S)
                elif path.exists():
                    # Ours if it was made after the one that has become the value.
                    if is_at(file, part):
                        part.unlink()
                elif is_at(file, part):
                    found = self._computed(file, part, path, compute(), known)
                    if found is not None:
                        return found
        try:
            return Found(*_read(path, known()))
        except UnshareableError:
            return Found(compute())

    def _computed(self, file: int, part: Path, path: Path, value: Any, known: Callable[[], Known]) -> Found | None:
        """Write a value; returns it where it stays this process's own, else None."""
        private = None
        try:
            encoded = encode(value, known())
        except UnshareableError:
            # Said to the others too, who need not wait for anything then.
            encoded, private = PRIVATE, Found(value)
        try:
            self._check_room(encoded.nbytes)
            os.ftruncate(file, 0)
            with os.fdopen(os.dup(file), "wb") as writable:
                encoded.write(writable)
            part.rename(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            self._give_up(error)
            return Found(value)
        return private

    def _give_up(self, error: Exception) -> None:
        # The rest stays private too: it may refer to what is not there.
        self._alone = True
        _warn(error)

    def _check_room(self, size: int) -> None:
        room = free_bytes(self._lease.directory)
        if size > room:
            raise OSError(
                f"{size / 2**20:.0f} MiB do not fit into the {max(0, room) / 2**20:.0f} MiB free at {leases.root()}"
            )


class SharedState:
    """Opens what the processes of this node share.

    Args:
        waiting: called again and again while another process computes.

    Raises:
        InvalidInput: EVOMERGE_SHARED_STATE names no directory.
    """

    def __init__(self, waiting: Callable[[], object] = lambda: None) -> None:
        """Clear away what processes that died unguarded have left."""
        self._waiting = waiting
        self._root = checked_root()
        try:
            if self._root is not None:
                sweep(self._root)
        except OSError as error:
            self._root = None
            _warn(error)

    def items(self, key: Mapping[str, Any]) -> Items | None:
        """Return the values that depend on a key and on what computes here; None where nothing can be shared.

        Args:
            key: JSON data.
        """
        if self._root is None:
            return None
        text = json.dumps({**key, **_computing()}, sort_keys=True)
        try:
            return Items(lease(self._root, hashlib.sha256(text.encode()).hexdigest()[:32]), self._waiting)
        except OSError as error:
            _warn(error)
            return None


def checked_root() -> Path | None:
    """Return :func:`merging.shared.leases.root`.

    Raises:
        InvalidInput: EVOMERGE_SHARED_STATE names no directory.
    """
    root = leases.root()
    if root is not None and not root.parent.is_dir():
        problem = f"there is no directory {root.parent}"
        raise InvalidInput(leases.VARIABLE, problem, f"name one on this node, or {leases.OFF!r} to share nothing")
    return root


def free_bytes(directory: Path) -> int:
    """Return how many bytes may be shared on the file system of a directory."""
    found = os.statvfs(directory)
    reserve = min(RESERVE_BYTES, int(RESERVE_SHARE * found.f_blocks * found.f_frsize))
    return found.f_bavail * found.f_frsize - reserve


def give_memory_back() -> None:
    """Return memory that was freed to the system, where the C library is glibc.

    What was computed has its copy in shared memory now, and an engine may keep what is freed for itself.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _computing() -> dict[str, Any]:
    """Return what the bits of a result depend on beside its inputs."""
    versions = {name: version(name) for name in ("evomerge", "torch", "numpy")}
    return {"versions": versions, "python": sys.version, "prefix": sys.prefix, "threads": torch.get_num_threads()}


def _warn(error: Exception) -> None:
    logger.warning("what merging prepares is kept by every worker for itself: %s", error)


class _UnusableError(Exception):
    """A file cannot be used, such as one in a directory that somebody has removed."""


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _UnusableError(str(error)) from error
    try:
        yield file
    finally:
        os.close(file)


def _read(path: Path, known: Known) -> tuple[Any, Tensor]:
    try:
        return read(path, known)
    except OSError as error:
        raise _UnusableError(str(error)) from error


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
