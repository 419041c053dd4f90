"""What a worker does so that its guard (``workers.guard``) can tell work from a hang."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path

from workers import guard
from workers.guard import PREPARING, SCORING

__all__ = ["PREPARING", "SCORING", "beat", "start_guard", "under_watch"]

# Inherited by the processes that the engine starts, whose progress is the worker's.
_VARIABLE = "EVOMERGE_STAMP"


def start_guard(stall_s: float) -> None:
    """Have a process of its own watch over this one, see ``workers.guard``; call it before an engine is imported.

    This process becomes the leader of a process group, and its temporary files go to a directory of their own: so
    nothing of it is left behind, whatever it dies of. Returns once the guard stands.
    """
    os.setpgid(0, 0)
    # Compiled kernels are worth keeping; PyTorch would put them among the temporary files.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid()}"))
    directory = tempfile.mkdtemp(prefix="evomerge-worker-")
    os.environ["TMPDIR"] = tempfile.tempdir = directory
    os.environ[_VARIABLE] = str(Path(directory) / guard.STAMP)
    reading, writing = os.pipe()
    subprocess.run(
        # -P: the script's own directory is no place to import from; the rooms may be where only this process looks.
        [sys.executable, "-P", guard.__file__, str(os.getpid()), directory, str(stall_s), str(reading)],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        pass_fds=(reading,),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        check=True,
    )
    os.close(reading)
    # Python would start a tracker of shared memory as a child of this process, and Ray kills the children of a worker
    # that it ends before they can remove anything.
    resource_tracker._resource_tracker._fd = writing  # type: ignore[attr-defined]


@contextmanager
def under_watch(phase: str) -> Iterator[None]:
    """Let the guard expect progress until the block ends: of the engine while ``SCORING``, of any kind else."""
    stamp = os.environ.get(_VARIABLE)
    if stamp is None:
        yield
        return
    Path(stamp).write_text(phase)
    try:
        yield
    finally:
        Path(stamp).unlink()


def beat() -> None:
    """Tell the guard, where there is one, that the engine has moved on; costs two microseconds."""
    stamp = os.environ.get(_VARIABLE)
    if stamp is not None:
        with suppress(FileNotFoundError):  # a call that is over needs no watching
            os.utime(stamp)
