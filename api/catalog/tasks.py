"""The calibration tasks that specs may name: files below the server's roots, and the lm-eval tasks that it allows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.catalog.places import is_inside

SUFFIXES = (".yaml", ".yml")
_MAX_TASKS = 1000


@dataclass(frozen=True)
class Task:
    """A task; ``name`` is how a spec names it, ``kind`` is file or lm-eval."""

    name: str
    kind: str


def list_tasks(roots: Sequence[Path], allowed: Sequence[str]) -> list[Task]:
    """Return the tasks by kind and name, 1000 files at most."""
    files: set[str] = set()
    for root in roots:
        for folder, _, names in os.walk(root):
            inside = (Path(folder, name) for name in names if name.endswith(SUFFIXES))
            files |= {os.path.relpath(path, root) for path in inside if is_inside(path.resolve(), roots)}
            if len(files) >= _MAX_TASKS:
                break
    return [Task(name, "file") for name in sorted(files)[:_MAX_TASKS]] + [
        Task(name, "lm-eval") for name in sorted(allowed)
    ]
