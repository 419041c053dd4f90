"""A small process beside every worker: it ends a worker that hangs, and clears away what a dead one leaves.

It runs as a script, shares nothing with the worker but a process id, a directory and a pipe, and needs no answer from
it. So it works where the worker holds its interpreter lock, is stopped, or is killed, and on every node alike.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path

import psutil

from merging.shared import leases

# Exists while a call runs and holds its phase; its modification time is that of the last progress.
STAMP = "stamp"
SCORING = "scoring"
PREPARING = "preparing"
# Starting and merging have no steps to count, so there a busy processor counts too, but not without end.
PATIENCE = 10
BUSY_CORES = 0.1
# A group can outlast its killing where nobody collects the dead.
GRACE_S = 10.0
SHARED_MEMORY = Path("/dev/shm")


class Watchdog:
    """Says when a worker has made no progress for too long.

    Args:
        worker: the process.
        stamp: its stamp file.
        stall_s: seconds without progress that are too long.
    """

    def __init__(self, worker: psutil.Process, stamp: Path, stall_s: float) -> None:
        self._worker = worker
        self._stamp = stamp
        self._stall_s = stall_s
        self._last: tuple[str, int] | None = None
        self._cpu_s = 0.0
        self._without_progress_s = self._without_sign_s = 0.0

    def stalled(self, elapsed_s: float) -> bool:
        """Look at the worker, ``elapsed_s`` after the last look; return whether it hangs."""
        seen = self._look()
        if seen is None or seen != self._last:
            self._without_progress_s = self._without_sign_s = 0.0
        else:
            self._without_progress_s += elapsed_s
            busy = seen[0] == PREPARING and self._is_busy(elapsed_s)
            self._without_sign_s = 0.0 if busy else self._without_sign_s + elapsed_s
        self._last = seen
        return self._without_sign_s > self._stall_s or self._without_progress_s > PATIENCE * self._stall_s

    def _look(self) -> tuple[str, int] | None:
        try:
            return self._stamp.read_text(), self._stamp.stat().st_mtime_ns
        except FileNotFoundError:  # no call runs
            return None

    def _is_busy(self, elapsed_s: float) -> bool:
        total = 0.0
        for process in (self._worker, *self._worker.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        used, self._cpu_s = total - self._cpu_s, total
        return used > BUSY_CORES * elapsed_s


def watch(worker: psutil.Process, stamp: Path, stall_s: float) -> None:
    """Return when the worker has ended, by itself or because it was killed here."""
    watchdog = Watchdog(worker, stamp, stall_s)
    for elapsed_s in _while_alive(worker, min(1.0, stall_s / 4)):
        with suppress(psutil.NoSuchProcess):
            if watchdog.stalled(elapsed_s):
                worker.kill()


def _while_alive(process: psutil.Process, period_s: float) -> Iterator[float]:
    """Yield once a period, until the process has ended, the seconds since the last time.

    Time that this process itself was stopped or starved for says nothing about the other, so it is left out.
    """
    last = time.monotonic()
    while _is_alive(process):
        time.sleep(period_s)
        now = time.monotonic()
        yield min(now - last, 2 * period_s)
        last = now


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def clear_up(group: int, directory: Path) -> None:
    """End what is left of the worker's process group; remove its temporary files and its shared memory.

    What it has prepared together with other workers of its node goes where it was the last of them.
    """
    deadline = time.monotonic() + GRACE_S
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.1)
    # vLLM names the memory that its ranks share after the file through which they find each other.
    for meeting in directory.glob("vllm_dist_*"):
        for segment in SHARED_MEMORY.glob(f"{meeting.name}-*"):
            segment.unlink(missing_ok=True)
    shutil.rmtree(directory, ignore_errors=True)
    shared = leases.root()
    if shared is not None:
        with suppress(PermissionError):  # then nothing in it is this user's
            leases.sweep(shared)


def main() -> None:
    """Guard the worker whose process id, temporary directory, patience in seconds and tracker's pipe are the arguments.

    This process is also what Python calls the resource tracker of the worker: it is told of all shared memory, and
    removes what is left when the last process that knows the pipe has ended.
    """
    worker = psutil.Process(int(sys.argv[1]))
    directory, stall_s, pipe = Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    # Ray kills the children of a worker that it ends; this process has to outlive the worker.
    if os.fork() > 0:
        os._exit(0)
    threading.Thread(target=_guard, args=(worker, directory, stall_s)).start()
    resource_tracker.main(pipe)


def _guard(worker: psutil.Process, directory: Path, stall_s: float) -> None:
    watch(worker, directory / STAMP, stall_s)
    clear_up(worker.pid, directory)


if __name__ == "__main__":
    main()
