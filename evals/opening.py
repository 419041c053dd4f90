"""From what a definition names to an lm-eval task: one of lm-eval's own, one of the catalog, or a task file."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from evals.catalog import find
from evals.local.compiling import compile_form, read_form
from evals.local.form import Code, Form, HubData, Judged
from evals.local.programs import require_allowed
from evals.local.rows import Row
from evals.taskfile import check_config, check_prompt_columns, read_data, read_yaml, sandbox_templates
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError


def open_task(definition: TaskDefinition) -> Any:
    """Return the lm-eval task of a definition; one of a file keeps the places of its rows as ``places``.

    Raises:
        TaskError: the task or its data cannot be used.
    """
    field = f"tasks[{definition.name}].source"
    found = find(definition.source)
    if found is not None and found.path is None:
        return _open_by_name(found.task, field, found.needs)
    path = found.path if found is not None and found.path is not None else Path(definition.source)
    if path.suffix not in (".yaml", ".yml"):
        return _open_by_name(definition.source, field)
    config = read_yaml(path)
    if "data" in config:
        return _open_form(definition.name, path, read_form(path, config), field)
    return _open_lm_eval_file(definition.name, path, config)


def judge_of(path: Path) -> str | None:
    """Return the address of the judge that a task file names, None where it has none.

    Raises:
        TaskError: the file cannot be read, or is no valid short form.
    """
    config = read_yaml(path)
    score = read_form(path, config).score if "data" in config else None
    return score.url if isinstance(score, Judged) else None


@functools.cache
def task_manager() -> Any:
    """Index of the tasks that ship with lm-eval; building it takes seconds."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _open_by_name(name: str, field: str, needs: str | None = None) -> Any:
    manager = task_manager()
    entry = manager.task_index.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, manager.all_subtasks, n=3)
        raise TaskError(
            field,
            f"{name!r} is neither an lm-eval task nor one of the catalog nor a path ending in .yaml",
            f"did you mean {' or '.join(map(repr, close))}?" if close else "'evomerge tasks' lists the catalog",
        )
    if name not in manager.all_subtasks:
        listed = entry.tags or (entry.cfg or {}).get("task", [])
        members = sorted(
            part if isinstance(part, str) else str(part.get("task") or part.get("group")) for part in listed
        )
        raise TaskError(
            field,
            f"{name!r} is a group of tasks",
            f"list the members that you want as tasks of their own: {', '.join(members)}",
        )
    try:
        return manager.load(name)["tasks"][name]
    except Exception as error:
        raise TaskError(
            field,
            f"lm-eval cannot open task {name!r}: {type(error).__name__}: {error}",
            "check that its data set is reachable or in the local cache"
            + (f" and run: pip install '{needs}'" if needs else " and that its packages are installed"),
        ) from error


def _open_form(name: str, path: Path, form: Form, field: str) -> Any:
    if isinstance(form.score, Code):
        require_allowed(field)
    compiled = compile_form(path, form)
    data: Mapping[str, Any] = _download(path, compiled.hub) if compiled.hub else _tables(compiled.rows)
    task = _build(path, {"task": name, **compiled.config}, data, compiled.rows)
    task.search_from = compiled.search_from
    return task


def _open_lm_eval_file(name: str, path: Path, config: dict[str, Any]) -> Any:
    check_config(path, config)
    rows = read_data(path, config)
    pools = [config[key] for key in ("test_split", "validation_split", "training_split") if config.get(key)]
    if not pools:
        raise TaskError(str(path), "names no split of the data", "write test_split: test, say")
    check_prompt_columns(path, config, list(rows[pools[0]][0].values))
    if not config.get("validation_split"):
        # lm-eval only evaluates test and validation splits; we may have to fall back to the training split.
        config.setdefault("test_split", pools[0])
    return _build(path, {"task": name, **config}, _tables(rows), rows)


def _build(path: Path, config: dict[str, Any], data: Mapping[str, Any], rows: Mapping[str, Sequence[Row]]) -> Any:
    from jinja2 import UndefinedError
    from lm_eval.api.task import ConfigurableTask

    class FileTask(ConfigurableTask):  # type: ignore[misc]
        places: ClassVar = {split: [row.place for row in found] for split, found in rows.items()}

        def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
            self.dataset = data

    sandbox_templates()
    try:
        return FileTask(config=config)
    except UndefinedError as error:
        columns = next(iter(data.values())).column_names
        raise TaskError(
            str(path),
            f"a template uses a column that the data do not have: {error}",
            f"use the columns of the data: {', '.join(columns)}",
        ) from error
    except Exception as error:
        raise TaskError(
            str(path),
            f"lm-eval cannot build the task: {type(error).__name__}: {error}",
            "correct the task file",
        ) from error


def _tables(rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    from datasets import Dataset

    return {split: Dataset.from_list([row.values for row in found]) for split, found in rows.items()}


def _download(path: Path, hub: HubData) -> dict[str, Any]:
    from datasets import load_dataset

    splits = {name for name in (hub.test, hub.search, hub.examples) if name is not None}
    try:
        return {split: load_dataset(hub.hub, hub.name, split=split, revision=hub.revision) for split in splits}
    except Exception as error:
        raise TaskError(
            f"{path}: data.hub",
            f"the data set {hub.hub!r} cannot be loaded: {type(error).__name__}: {error}",
            "check its name and that it is reachable or in the local cache",
        ) from error
