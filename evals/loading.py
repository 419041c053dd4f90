"""From a task definition to a checked lm-eval task with its items cut into splits."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.splits import cut, item_id
from evals.taskfile import check_prompt_columns, read_config, read_data, sandbox_templates
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError, nearest

OUTPUT_TYPES = ("generate_until", "loglikelihood", "multiple_choice")
TOKEN_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


@dataclass(frozen=True)
class LoadedTask:
    """An lm-eval task, checked, with the items of its splits.

    Attributes:
        definition: what the experiment asked for.
        task: the lm-eval task object (``ConfigurableTask``).
        metric: key of the metric in the task's per-item results.
        sign: -1 where a smaller metric is better, else 1.
        pipeline: the lm-eval filter ensemble that prepares answers for the metric.
        num_fewshot: worked examples in each prompt.
        splits: items of each split in scoring order.
        docs: the task's document of every item in the splits.
        pool: name of the data split that the items come from.
        rows: rows in the pool, duplicates included.
    """

    definition: TaskDefinition
    task: Any
    metric: str
    sign: int
    pipeline: Any
    num_fewshot: int
    splits: Mapping[str, tuple[str, ...]]
    docs: Mapping[str, dict[str, Any]]
    pool: str
    rows: int


def load_task(definition: TaskDefinition) -> LoadedTask:
    """Open a task, check it against its definition and cut its items into splits.

    Raises:
        TaskError: anything in the definition, the task or its data cannot be used.
    """
    _check_definition(definition)
    is_file = Path(definition.source).suffix in (".yaml", ".yml")
    task = _open_file(definition) if is_file else _open_by_name(definition)
    _check_kind(definition, task)
    metric, pipeline = _choose_metric(definition, task)
    _limit_tokens(definition, task)
    pool, rows = _pool(definition, task)
    docs: dict[str, dict[str, Any]] = {}
    for row in rows:
        docs.setdefault(_identify(definition, row), row)
    splits = cut(list(docs), definition)
    chosen = {item: docs[item] for items in splits.values() for item in items}
    shots = _fewshot_pool(definition, task, pool, chosen)
    return LoadedTask(
        definition=definition,
        task=task,
        metric=metric,
        sign=1 if task.higher_is_better()[metric] else -1,
        pipeline=pipeline,
        num_fewshot=shots,
        splits=splits,
        docs=chosen,
        pool=pool,
        rows=len(rows),
    )


def where(definition: TaskDefinition, field: str = "") -> str:
    """Return the path of a definition's field for error messages, such as ``tasks[gsm].metric``."""
    return f"tasks[{definition.name}]" + (f".{field}" if field else "")


def filter_steps(loaded: LoadedTask) -> list[str]:
    """Return the names of the filters that prepare a task's answers for its metric; ``take_first`` may go unnamed."""
    return [
        step["function"]
        for entry in loaded.task.config.filter_list or []
        if entry["name"] == loaded.pipeline.name
        for step in entry["filter"]
    ]


def _check_definition(definition: TaskDefinition) -> None:
    lowest = {"search": 1, "selection": 0, "test": 0, "num_fewshot": 0, "max_tokens": 1, "weight": 0}
    for field, low in lowest.items():
        value = getattr(definition, field)
        if value is not None and not value >= low:
            raise TaskError(where(definition, field), f"found {value}, expected at least {low}", "raise it")


@functools.cache
def _task_manager() -> Any:
    """Index of the tasks that ship with lm-eval; building it takes seconds."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _open_by_name(definition: TaskDefinition) -> Any:
    manager = _task_manager()
    name = definition.source
    entry = manager.task_index.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, manager.all_subtasks, n=3)
        raise TaskError(
            where(definition, "source"),
            f"{name!r} is neither an lm-eval task nor a path ending in .yaml",
            f"did you mean {' or '.join(map(repr, close))}?" if close else "see 'lm-eval ls tasks' for all names",
        )
    if name not in manager.all_subtasks:
        listed = entry.tags or (entry.cfg or {}).get("task", [])
        members = sorted(
            part if isinstance(part, str) else str(part.get("task") or part.get("group")) for part in listed
        )
        raise TaskError(
            where(definition, "source"),
            f"{name!r} is a group of tasks",
            f"list the members that you want as tasks of their own: {', '.join(members)}",
        )
    try:
        return manager.load(name)["tasks"][name]
    except Exception as error:
        raise TaskError(
            where(definition, "source"),
            f"lm-eval cannot open task {name!r}: {type(error).__name__}: {error}",
            "check that its data set is reachable or in the local cache and that its packages are installed",
        ) from error


def _open_file(definition: TaskDefinition) -> Any:
    from datasets import Dataset
    from jinja2 import UndefinedError
    from lm_eval.api.task import ConfigurableTask

    path = Path(definition.source)
    config = read_config(path)
    rows = read_data(path, config)
    pools = [config[key] for key in ("test_split", "validation_split", "training_split") if config.get(key)]
    if not pools:
        raise TaskError(str(path), "names no split of the data", "write test_split: test, say")
    columns = list(rows[pools[0]][0])
    check_prompt_columns(path, config, columns)
    sandbox_templates()
    if not config.get("validation_split"):
        # lm-eval only evaluates test and validation splits; we may have to fall back to the training split.
        config.setdefault("test_split", pools[0])

    class FileTask(ConfigurableTask):  # type: ignore[misc]
        def download(self, dataset_kwargs: dict[str, Any] | None = None, **kwargs: Any) -> None:
            self.dataset = {split: Dataset.from_list(entries) for split, entries in rows.items()}

    try:
        return FileTask(config={"task": definition.name, **config})
    except UndefinedError as error:
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


def _check_kind(definition: TaskDefinition, task: Any) -> None:
    from lm_eval.api.task import ConfigurableTask

    kind = task.OUTPUT_TYPE
    if not isinstance(task, ConfigurableTask) or kind not in OUTPUT_TYPES:
        raise TaskError(
            where(definition, "source"),
            f"output type {kind!r} has no per-item scores that a search can use",
            f"use a task whose output_type is one of {', '.join(OUTPUT_TYPES)}",
        )
    if getattr(task, "MULTIMODAL", False):
        raise TaskError(where(definition, "source"), "needs images or sound", "use a text task")
    if getattr(task, "UNSAFE_CODE", False):
        raise TaskError(where(definition, "source"), "executes code that the model wrote", "use another task")
    if definition.max_tokens is not None and kind != "generate_until":
        raise TaskError(where(definition, "max_tokens"), f"a {kind} task generates nothing", "remove max_tokens")


def _choose_metric(definition: TaskDefinition, task: Any) -> tuple[str, Any]:
    """Return metric key and filter ensemble; the definition writes ``metric`` or ``metric,filter``."""
    name, _, pipeline = definition.metric.partition(",")
    field = where(definition, "metric")
    produced = task.aggregation()
    if name not in produced:
        raise TaskError(field, f"the task does not produce {name!r}", nearest(name, produced))
    aggregation = getattr(produced[name], "__name__", repr(produced[name]))
    if aggregation != "mean":
        usable = [key for key, function in produced.items() if getattr(function, "__name__", "") == "mean"]
        raise TaskError(
            field,
            f"{name!r} is computed over the whole corpus ({aggregation}), not per item",
            f"use a metric that is averaged over items ({', '.join(usable) or 'this task has none'})",
        )
    if task.higher_is_better().get(name) is None:
        raise TaskError(field, f"the task does not say whether more {name} is better", "set higher_is_better")
    pipelines = {ensemble.name: ensemble for ensemble in task._filters}
    if not pipeline and len(pipelines) > 1:
        choices = " or ".join(f"'{name},{key}'" for key in pipelines)
        raise TaskError(field, f"the task has {len(pipelines)} answer filters to choose from", f"write {choices}")
    if pipeline and pipeline not in pipelines:
        raise TaskError(field, f"the task has no filter {pipeline!r}", nearest(pipeline, pipelines))
    return name, pipelines[pipeline or next(iter(pipelines))]


def _limit_tokens(definition: TaskDefinition, task: Any) -> None:
    if definition.max_tokens is not None:
        kept = {key: value for key, value in task.config.generation_kwargs.items() if key not in TOKEN_LIMITS}
        task.set_config("generation_kwargs", kept | {"max_gen_toks": definition.max_tokens})


def _pool(definition: TaskDefinition, task: Any) -> tuple[str, list[dict[str, Any]]]:
    rows = list(task.eval_docs)
    name = str(task.config.test_split if task.has_test_docs() else task.config.validation_split)
    if not rows:
        raise TaskError(where(definition, "source"), f"its {name!r} split holds no items", "use another task")
    return name, rows


def _identify(definition: TaskDefinition, row: Mapping[str, Any]) -> str:
    try:
        return item_id(row)
    except TypeError as error:
        problem = f"an item cannot be hashed: {error}"
        raise TaskError(where(definition, "source"), problem, "use a text task") from error


def _fewshot_pool(definition: TaskDefinition, task: Any, pool: str, chosen: Mapping[str, Any]) -> int:
    """Keep worked examples out of the splits; return how many examples each prompt gets."""
    shots = definition.num_fewshot if definition.num_fewshot is not None else task.config.num_fewshot or 0
    if not shots:
        return 0
    field = where(definition, "num_fewshot")
    same_split = task.fewshot_cfg.split == pool
    if same_split and task.fewshot_cfg.process_docs is not task.config.process_docs:
        raise TaskError(
            field,
            f"examples come from the scored split {pool!r} in another form, so no item can be kept out",
            "use zero examples or a task with a fewshot_split of its own",
        )
    source = list(task.fewshot_docs())
    examples = [doc for doc in source if _identify(definition, doc) not in chosen]
    # lm-eval draws one more when it believes that the item itself may be among the examples.
    needed = shots + (task.fewshot_cfg.split == task.config.test_split)
    if len(examples) < needed:
        raise TaskError(
            field,
            f"{needed} examples outside the splits are needed and {len(examples)} of {len(source)} are left",
            "ask for fewer examples, make the splits smaller, or name a fewshot_split in the task file",
        )
    task.sampler.replace_df(examples)
    return int(shots)
