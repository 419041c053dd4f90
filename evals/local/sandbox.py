"""Starts programs that a model wrote, each in a confined process of its own (``confined.py``)."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from evomerge.errors import EngineError

_CHILD = Path(__file__).with_name("confined.py")
# A busy machine may give a process little of its time; the limit that counts is the one of its own CPU time.
_WALL_FACTOR, _WALL_EXTRA_S = 4, 10.0


@dataclass(frozen=True)
class Limits:
    """What one program may use: seconds of CPU time, and MiB of memory, the interpreter's own included."""

    cpu_s: int = 10
    memory_mb: int = 512


def passes(program: str, limits: Limits) -> bool:
    """Return whether a Python program comes to its end: without an exception, an early exit, or more than its limits.

    It has the standard library, no arguments, no input, and a fixed hash seed.

    Raises:
        EngineError: this machine cannot confine it; nothing was run.
    """
    nonce = secrets.token_hex(16).encode()
    command = [sys.executable, "-s", "-P", "-S", str(_CHILD), str(limits.cpu_s), str(limits.memory_mb * 2**20)]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0"},
        cwd="/",
        start_new_session=True,  # no terminal
    )
    late = threading.Timer(_WALL_FACTOR * limits.cpu_s + _WALL_EXTRA_S, child.kill)
    late.start()
    assert child.stdin is not None and child.stdout is not None
    answer = b""
    with contextlib.suppress(BrokenPipeError), child:
        child.stdin.write(nonce + b"\n" + program.encode("utf-8", "replace"))
        child.stdin.close()
        # Not more than an honest answer has: a program may write for as long as it lives.
        answer = child.stdout.read(256)
        child.kill()
    late.cancel()
    if not answer.startswith(b"confined\n"):
        reason = answer.decode(errors="replace") or f"its process ended with {child.returncode} before it was confined"
        raise EngineError(f"a model's program was not run: {reason}; code tasks need Linux with seccomp")
    return answer == b"confined\n" + nonce
