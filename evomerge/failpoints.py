"""Places where a process can be made to die, so that tests can prove that nothing is lost there.

``EVOMERGE_FAILPOINT=NAME`` or ``NAME:N`` kills the process with SIGKILL when it comes to a place for the first or the
N-th time. Without the variable a place costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

# Every place there is; the tests of crashes die at each of them.
FAILPOINTS = (
    "store.before_commit",
    "store.after_commit",
    "driver.claimed",
    "driver.started_not_submitted",
    "driver.submitted",
    "driver.result_not_recorded",
    "driver.recorded_not_told",
    "driver.told",
    "driver.decided",
    "driver.before_release",
    "launch.reserved_not_started",
    "launch.started",
    "api.before_create",
    "api.created_not_answered",
    "export.written_not_recorded",
)

_name, _, _at = os.environ.get("EVOMERGE_FAILPOINT", "").partition(":")
_armed = _name or None
_nth = int(_at or 1)
hits: Counter[str] = Counter()


def arm(name: str | None, nth: int = 1) -> None:
    """Die at the n-th time from now on that this process comes to a place; None disarms.

    Raises:
        ValueError: there is no such place.
    """
    global _armed, _nth
    if name is not None and name not in FAILPOINTS:
        raise ValueError(f"there is no failpoint '{name}', choose one of {', '.join(FAILPOINTS)}")
    _armed, _nth = name, nth
    hits.clear()


def failpoint(name: str) -> None:
    """Die here if this is the place and the time."""
    if _armed is None:
        return
    hits[name] += 1
    if name == _armed and hits[name] == _nth:
        os.kill(os.getpid(), signal.SIGKILL)


arm(_armed, _nth)
