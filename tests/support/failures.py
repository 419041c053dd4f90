"""Ways for a worker to go wrong, handed to it as the subject or the positions of a job; and what must be gone then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from merging.shared import leases

SHARED_MEMORY = Path("/dev/shm")


def positions(act: Callable[[], None]) -> Any:
    """Positions that are all items, for which the worker does ``act`` first, in the midst of scoring."""

    class Positions:
        def __iter__(self) -> Iterator[int]:
            act()
            return iter(range(8))

    return Positions()


def subject(recipe: Any, act: Callable[[], None]) -> Any:
    """A recipe that makes the worker do ``act`` while it merges."""

    class Subject:
        def digest(self) -> str:
            act()
            return str(recipe.digest())

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(recipe, name)

    return Subject()


def start_up(act: Callable[[], None]) -> Any:
    """A recipe to be prepared at start-up, which makes the worker do ``act`` instead."""

    class Unreadable:
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            act()

    return Unreadable()


def hang() -> Callable[[], None]:
    """Sleep without end in C code that keeps the interpreter's lock."""

    def act() -> None:
        import ctypes

        ctypes.PyDLL(None).sleep(100000)

    return act


def stop() -> Callable[[], None]:
    """Stop the whole process, as a debugger would."""

    def act() -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSTOP)

    return act


def die() -> Callable[[], None]:
    """Be killed, as by the system when memory runs out."""

    def act() -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    return act


def creep(seconds: float) -> Callable[[], None]:
    """Take long, one engine step after the other."""

    def act() -> None:
        import time

        from workers.progress import beat

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            beat()
            time.sleep(0.1)

    return act


def fail(make: Callable[[], Exception]) -> Callable[[], None]:
    """Raise what ``make`` returns."""

    def act() -> None:
        raise make()

    return act


def traces(processes: list[psutil.Process]) -> list[Path]:
    """Where running workers keep temporary files, and the memory that they share with processes of their own.

    What merging prepares for all workers of the node goes with the last of them (``test_shared_state.py``).
    """
    found, of_all = set(), str(leases.root())
    for process in processes:
        found |= {Path(word) for word in process.cmdline() if "/evomerge-worker-" in word}
        mapped = {Path(one.path) for one in process.memory_maps() if one.path.startswith(f"{SHARED_MEMORY}/")}
        own = {path for path in mapped if not path.name.startswith("plasma") and not path.is_relative_to(of_all)}
        found |= {path for path in own if path.exists()}
    return sorted(found)


def family(pid: int) -> list[psutil.Process]:
    """A process with all that it has started, its guard included."""
    root = psutil.Process(pid)
    guards = [one for one in psutil.process_iter(["cmdline"]) if _guards(one.info["cmdline"] or [], pid)]
    assert len(guards) == 1
    return [root, *root.children(recursive=True), *guards]


def _guards(command: list[str], pid: int) -> bool:
    return str(pid) in command and any(word.endswith("workers/guard.py") for word in command)


def is_alive(process: psutil.Process) -> bool:
    """A zombie is not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until(done: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for something that an event outside of this process brings about."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def no_trace(processes: list[psutil.Process], paths: list[Path]) -> None:
    """Wait until processes, directories and shared memory are gone."""
    wait_until(lambda: not any(map(is_alive, processes)), f"end of {processes}")
    wait_until(lambda: not any(path.exists() for path in paths), f"removal of {paths}")


def pid_of(label: str | None) -> int:
    """Process id in a worker's ``host:pid``."""
    return int(str(label).rpartition(":")[2])
