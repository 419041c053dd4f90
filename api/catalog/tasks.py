"""The calibration tasks that specs may name: files below the server's roots, and the lm-eval tasks that it allows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
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
    found = (
        os.path.relpath(path, root)
        for root in roots
        for folder, _, names in os.walk(root)
        for path in (Path(folder, name) for name in names if name.endswith(SUFFIXES))
        if is_inside(path.resolve(), roots)
    )
    files = sorted(set(islice(found, _MAX_TASKS)))
    return [Task(name, "file") for name in files] + [Task(name, "lm-eval") for name in sorted(allowed)]
