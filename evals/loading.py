"""From a task definition to a checked lm-eval task with its items cut into splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evals.opening import open_task
from evals.splits import cut, item_id, searchable
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError, nearest

OUTPUT_TYPES = ("generate_until", "loglikelihood", "multiple_choice")
TOKEN_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


@dataclass(frozen=True)
class Pool:
    """A data split that items come from.

    Attributes:
        split: its name.
        rows: in it, duplicates included.
    """

    split: str
    rows: int


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
        pools: where the search and selection items, and the test items, come from.
        places: file and line of every row of a local task, by item; empty for others.
    """

    definition: TaskDefinition
    task: Any
    metric: str
    sign: int
    pipeline: Any
    num_fewshot: int
    splits: Mapping[str, tuple[str, ...]]
    docs: Mapping[str, dict[str, Any]]
    pools: Mapping[str, Pool]
    places: Mapping[str, str]


def load_task(definition: TaskDefinition) -> LoadedTask:
    """Open a task, check it against its definition and cut its items into splits.

    Raises:
        TaskError: anything in the definition, the task or its data cannot be used.
    """
    _check_definition(definition)
    task = open_task(definition)
    _check_kind(definition, task)
    metric, pipeline = _choose_metric(definition, task)
    _limit_tokens(definition, task)
    test_from = str(task.config.test_split if task.has_test_docs() else task.config.validation_split)
    own = definition.search_from or getattr(task, "search_from", None)
    search_from = own if own and definition.search else test_from
    docs: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    pools: dict[str, Pool] = {}
    items: dict[str, list[str]] = {}
    for split in dict.fromkeys((test_from, search_from)):
        rows = _rows(definition, task, split)
        pools[split] = Pool(split, len(rows))
        items[split] = [_identify(definition, row) for row in rows]
        for item, row in zip(items[split], rows, strict=True):
            docs.setdefault(item, row)
        for item, place in zip(items[split], getattr(task, "places", {}).get(split, ()), strict=False):
            places.setdefault(item, place)
    distinct = {split: list(dict.fromkeys(found)) for split, found in items.items()}
    splits = cut(distinct[search_from], definition, None if search_from == test_from else distinct[test_from])
    chosen = {item: docs[item] for members in splits.values() for item in members}
    shots = _fewshot_pool(definition, task, {*pools}, chosen)
    return LoadedTask(
        definition=definition,
        task=task,
        metric=metric,
        sign=1 if task.higher_is_better()[metric] else -1,
        pipeline=pipeline,
        num_fewshot=shots,
        splits=splits,
        docs=chosen,
        pools={"search": pools[search_from], "test": pools[test_from]},
        places=places,
    )


def search_pool(loaded: LoadedTask) -> dict[str, dict[str, Any]]:
    """Return the documents of all items that the search split may have, in the order in which it takes them."""
    definition, docs = loaded.definition, dict[str, dict[str, Any]]()
    searched, tested = loaded.pools["search"].split, loaded.pools["test"].split
    for row in _rows(definition, loaded.task, searched):
        docs.setdefault(_identify(definition, row), row)
    others = (
        [] if tested == searched else [_identify(definition, row) for row in _rows(definition, loaded.task, tested)]
    )
    return {item: docs[item] for item in searchable(list(docs), loaded.splits, definition, others)}


def where(definition: TaskDefinition, field: str = "") -> str:
    """Return the path of a definition's field for error messages, such as ``tasks[gsm].metric``."""
    return f"tasks[{definition.name}]" + (f".{field}" if field else "")


def filter_steps(loaded: LoadedTask) -> list[str]:
    """Return the names of the filters that prepare a task's answers for its metric; ``take_first`` may go unnamed."""
    return [
        str(step["function"])
        for entry in loaded.task.config.filter_list or []
        if entry["name"] == loaded.pipeline.name
        for step in entry["filter"]
    ]


def _check_definition(definition: TaskDefinition) -> None:
    lowest = {"search": 0, "selection": 0, "test": 0, "num_fewshot": 0, "max_tokens": 1, "weight": 0}
    for field, low in lowest.items():
        value = getattr(definition, field)
        if value is not None and not value >= low:
            raise TaskError(where(definition, field), f"found {value}, expected at least {low}", "raise it")
    if definition.selection and not definition.search:
        problem = f"found {definition.selection} for a task without search items"
        raise TaskError(where(definition, "selection"), problem, "give it search items, or none of both")


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
        raise TaskError(
            where(definition, "source"),
            "lm-eval would run programs that the model wrote",
            "use coding/mbpp or coding/humaneval of the catalog, or a task file of score: code, which confine them",
        )
    if definition.max_tokens is not None and kind != "generate_until":
        raise TaskError(where(definition, "max_tokens"), f"a {kind} task generates nothing", "remove max_tokens")


def _choose_metric(definition: TaskDefinition, task: Any) -> tuple[str, Any]:
    """Return metric key and filter ensemble; the definition writes ``metric`` or ``metric,filter``."""
    field = where(definition, "metric")
    produced = task.aggregation()
    usable = [key for key, function in produced.items() if getattr(function, "__name__", "") == "mean"]
    if definition.metric is None and len(usable) != 1:
        raise TaskError(field, "missing, and the task has not just one", f"choose from: {', '.join(usable)}")
    name, _, pipeline = (definition.metric or usable[0]).partition(",")
    if name not in produced:
        raise TaskError(field, f"the task does not produce {name!r}", nearest(name, produced))
    aggregation = getattr(produced[name], "__name__", repr(produced[name]))
    if aggregation != "mean":
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


def _rows(definition: TaskDefinition, task: Any, split: str) -> list[dict[str, Any]]:
    readers = {
        task.config.training_split: task.training_docs,
        task.config.validation_split: task.validation_docs,
        task.config.test_split: task.test_docs,
    }
    readers.pop(None, None)
    if split not in readers:
        problem = f"the task has no data split {split!r} with items of its own"
        raise TaskError(where(definition, "search_from"), problem, nearest(split, readers))
    rows = list(readers[split]())
    if not rows:
        raise TaskError(where(definition, "source"), f"its {split!r} split holds no items", "use another task")
    return rows


def _identify(definition: TaskDefinition, row: Mapping[str, Any]) -> str:
    try:
        return item_id(row)
    except TypeError as error:
        problem = f"an item cannot be hashed: {error}"
        raise TaskError(where(definition, "source"), problem, "use a text task") from error


def _fewshot_pool(definition: TaskDefinition, task: Any, pools: set[str], chosen: Mapping[str, Any]) -> int:
    """Keep worked examples out of the splits; return how many examples each prompt gets."""
    shots = definition.num_fewshot if definition.num_fewshot is not None else task.config.num_fewshot or 0
    if not shots:
        return 0
    field = where(definition, "num_fewshot")
    other_form = task.fewshot_cfg.process_docs is not task.config.process_docs
    if task.fewshot_cfg.split in pools and other_form:
        raise TaskError(
            field,
            f"examples come from the scored split {task.fewshot_cfg.split!r} in another form: none can be kept out",
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
