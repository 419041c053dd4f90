"""What results were made with: command, machine, date, versions, pool."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pool import POOL

PACKAGES = ("evomerge", "numpy", "scipy", "cma", "cmaes", "optuna", "nevergrad")


def origin() -> dict[str, Any]:
    """Return everything that a figure needs beside it."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "machine": processor(),
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
        "pool": hashlib.sha256(POOL.read_bytes()).hexdigest()[:16] if POOL.exists() else None,
    }


def processor() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()
