"""What went wrong in another process, without Ray's words around it."""

from __future__ import annotations

from ray.exceptions import RayActorError, RayTaskError


def original(error: BaseException) -> BaseException:
    """Return the error as the worker raised it."""
    return error.cause if isinstance(error, RayTaskError) else error


def cause(error: BaseException) -> str:
    """Return its last line, and what mostly kills a worker that left no reason."""
    killed = " (SIGKILL without a reason is mostly the system, out of memory, or the watchdog)"
    return last_line(error) + (killed if isinstance(error, RayActorError) else "")


def last_line(error: BaseException) -> str:
    """Return its kind and the last line of what it says."""
    found = original(error)
    lines = [line for line in str(found).strip().splitlines() if line.strip()]
    return f"{type(found).__name__}: {lines[-1].strip() if lines else 'no message'}"


def loss(error: BaseException, seconds: float, patience: float) -> str:
    """Say why a job was lost.

    Args:
        error: what Ray raised in the place of a result.
        seconds: that the job had run.
        patience: ``WorkerConfig.stall_seconds``.
    """
    if not isinstance(error, RayActorError):
        return f"the worker raised {last_line(error)}"
    hint = f", longer than workers.stall_seconds = {patience:g} allows it to hang" if seconds >= patience else ""
    return f"the worker died after {seconds:.0f} s{hint}: {cause(error)}"
