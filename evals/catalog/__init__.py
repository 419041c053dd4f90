"""The task catalog: public benchmarks by domain, each with the data that a search may see and the data that it may not.

One YAML file per domain; ``like: suite/name`` names a benchmark of another suite. A benchmark's test items are scored
for the report alone; one that has nothing else is for reports only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evomerge.errors import TaskError, nearest

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class CatalogTask:
    """One benchmark of a suite.

    Attributes:
        suite: name of its domain.
        name: within the suite; specs name it ``suite/name``.
        task: lm-eval's name of it, or a task file in the short form below this folder.
        metric: lm-eval metric, with the filter where the task has several.
        test: data split of the test items.
        search: data split of search and selection items; None where the benchmark is for reports only.
        licence: of the data, as their publishers state it.
        source: where the data come from.
        num_fewshot: examples in the prompt; None = the task's own.
        runs_code: whether it runs programs that the model wrote.
        needs: Python packages beside those of evomerge, None for none.
    """

    suite: str
    name: str
    task: str
    metric: str
    test: str
    licence: str
    source: str
    search: str | None = None
    num_fewshot: int | None = None
    runs_code: bool = False
    needs: str | None = None

    @property
    def full_name(self) -> str:
        """``suite/name``."""
        return f"{self.suite}/{self.name}"

    @property
    def path(self) -> Path | None:
        """The task file, None for a task of lm-eval."""
        return _FOLDER / self.task if self.task.endswith(".yaml") else None


@functools.cache
def suites() -> Mapping[str, tuple[CatalogTask, ...]]:
    """Return the suites by name, each with its tasks."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.yaml"))}


def suite(name: str) -> tuple[CatalogTask, ...]:
    """Return the tasks of a suite.

    Raises:
        TaskError: there is no such suite.
    """
    if name not in suites():
        raise TaskError("suite", f"there is no suite {name!r}", nearest(name, suites()))
    return suites()[name]


def find(full_name: str) -> CatalogTask | None:
    """Return the task that is named ``suite/name``, None where the part before the slash is no suite.

    Raises:
        TaskError: the suite has no such task.
    """
    domain, slash, name = full_name.partition("/")
    if not slash or domain not in suites():
        return None
    tasks = {task.name: task for task in suites()[domain]}
    if name not in tasks:
        raise TaskError("task", f"the suite {domain!r} has no task {name!r}", nearest(name, tasks))
    return tasks[name]


def _read(path: Path) -> tuple[CatalogTask, ...]:
    entries: Mapping[str, Mapping[str, Any]] = yaml.safe_load(path.read_text("utf-8"))
    return tuple(_task(path.stem, name, entry) for name, entry in entries.items())


def _task(suite: str, name: str, entry: Mapping[str, Any]) -> CatalogTask:
    if "like" not in entry:
        return CatalogTask(suite, name, **entry)
    domain, _, other = str(entry["like"]).partition("/")
    found = yaml.safe_load((_FOLDER / f"{domain}.yaml").read_text("utf-8"))[other]
    return CatalogTask(suite, name, **found)
