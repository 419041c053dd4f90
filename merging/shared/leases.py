"""Directories that the processes of one node share, each of which goes with its last user.

Whoever uses one holds a shared lock on a file in it; the kernel takes that lock from a process that dies of whatever.
Only the standard library is imported, so that the guard of a worker can clear up with it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import uuid
import weakref
from contextlib import suppress
from pathlib import Path

VARIABLE = "EVOMERGE_SHARED_STATE"
OFF = "off"
MEMORY = Path("/dev/shm")
_LEASE = "lease"


def root() -> Path | None:
    """Return where the directories of this user are: in shared memory, or in the directory of EVOMERGE_SHARED_STATE.

    It may not exist yet. None where nothing is to be shared, or the system has no shared memory.
    """
    given = os.environ.get(VARIABLE, "")
    if given == OFF or not (given or MEMORY.is_dir()):
        return None
    return Path(given or MEMORY) / f"evomerge-{os.getuid()}"


class Lease:
    """One directory, in use until this object and this process are gone; see :func:`lease`."""

    def __init__(self, directory: Path, lock: int) -> None:
        """Take a directory and the descriptor that holds its lock."""
        self.directory = directory
        self._end = weakref.finalize(self, _end, directory, lock)

    def close(self) -> None:
        """Stop using it: what is mapped stays readable, the directory goes if nobody else uses it."""
        self._end()


def lease(within: Path, name: str) -> Lease:
    """Use the directory ``name``, which is made where it is missing.

    Args:
        within: see :func:`root`; its parent exists.
        name: the same in every process that is to share it; does not begin with a dot.

    Raises:
        OSError: it cannot be made, or ``within`` is another user's or open to others.
    """
    directory = within / name
    while True:
        try:
            _make(within)
            _check_private(within)
            _make(directory)
            lock = os.open(directory / _LEASE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            # Somebody has removed it in between.
            if not within.parent.is_dir():
                raise
            continue
        fcntl.flock(lock, fcntl.LOCK_SH)
        if is_at(lock, directory / _LEASE):
            return Lease(directory, lock)
        os.close(lock)


def sweep(within: Path) -> None:
    """Remove all directories that nobody uses, and the one that they are in where none is left.

    Raises:
        PermissionError: ``within`` is another user's or open to others; nothing is removed.
    """
    with suppress(FileNotFoundError):
        _check_private(within)
        for directory in list(within.iterdir()):
            if directory.name.startswith("."):
                shutil.rmtree(directory, ignore_errors=True)
            else:
                _remove_unused(directory)
    with suppress(OSError):
        within.rmdir()


def is_at(descriptor: int, path: Path) -> bool:
    """Return whether an open file is the one that has a path now."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _make(directory: Path) -> None:
    # Path's own exist_ok looks at what is there a second time, and others remove it meanwhile.
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)


def _check_private(directory: Path) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise PermissionError(f"{directory} is not a directory of this user that is closed to all others")


def _end(directory: Path, lock: int) -> None:
    os.close(lock)
    _remove_unused(directory)
    with suppress(OSError):
        directory.parent.rmdir()


def _remove_unused(directory: Path) -> None:
    try:
        lock = os.open(directory / _LEASE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Who made it has died before using it, or makes another one when the file cannot be made.
        with suppress(OSError):
            directory.rmdir()
        return
    # First out of sight and then away, so that nobody meets half of it.
    dead = directory.with_name(f".{directory.name}.{uuid.uuid4().hex[:8]}")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_at(lock, directory / _LEASE):
            return
        directory.rename(dead)
    except (BlockingIOError, FileNotFoundError):
        return
    finally:
        os.close(lock)
    shutil.rmtree(dead, ignore_errors=True)
