"""The tasks that specs may name: files below the server's roots, and what it allows of the catalog and of lm-eval."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from api.catalog.places import is_inside
from evals.catalog import CatalogTask, suites

SUFFIXES = (".yaml", ".yml")
_MAX_TASKS = 1000


@dataclass(frozen=True)
class Task:
    """A task; ``name`` is how a spec names it, ``kind`` is file, catalog or lm-eval.

    Attributes:
        name: how a spec names it.
        kind: file, catalog or lm-eval.
        benchmark: of a task of the catalog, what the catalog says about it.
    """

    name: str
    kind: str
    benchmark: CatalogTask | None = None


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
    benchmarks = [one for tasks in suites().values() for one in tasks if is_allowed(one.full_name, allowed)]
    catalog = [Task(one.full_name, "catalog", one) for one in benchmarks]
    others = sorted({*allowed} - {*suites(), *(one.full_name for one in benchmarks)})
    return [Task(name, "file") for name in files] + catalog + [Task(name, "lm-eval") for name in others]


def is_allowed(name: str, allowed: Sequence[str]) -> bool:
    """Return whether the operator lists a task, or the suite that it is of."""
    return name in allowed or ("/" in name and name.partition("/")[0] in {*allowed} & {*suites()})
