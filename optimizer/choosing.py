"""Search items that are chosen from all that a search may see, and the record of the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evals.choosing import Responses, discrimination, ease, highest, stratified
from evals.loading import LoadedTask, load_task, search_pool
from evals.provenance import Provenance
from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import TaskError, nearest
from experiments.responses import Response, ResponseBook
from experiments.spec_tasks import SplitSpec, TaskSpec

# By name of the task: choose, by, pool, candidates, experiments, items; plain data for the record.
Chosen = Mapping[str, Mapping[str, Any]]

# An item's covariance with the others is mostly noise before.
FEWEST_SCORES = 20
_MOST_CANDIDATES = 1000


def choose_items(
    tasks: Sequence[TaskSpec], definitions: Sequence[TaskDefinition], store: ResponseBook | None
) -> dict[str, dict[str, Any]]:
    """Choose the search items of every task that asks for it; equal stores give equal items.

    Args:
        tasks: of the spec.
        definitions: the same tasks.
        store: has scores of earlier experiments; only those of search items are looked at.

    Raises:
        TaskError: there is no such column, or the store has not enough scores.
    """
    return {
        task.name: _choose(task.splits, definition, store)
        for task, definition in zip(tasks, definitions, strict=True)
        if task.splits.choose != "random"
    }


def with_chosen(definitions: Sequence[TaskDefinition], chosen: Chosen) -> tuple[TaskDefinition, ...]:
    """Return the tasks with the search items that were chosen for them."""
    return tuple(
        replace(one, chosen=tuple(chosen[one.name]["items"])) if one.name in chosen else one for one in definitions
    )


def _choose(splits: SplitSpec, definition: TaskDefinition, store: ResponseBook | None) -> dict[str, Any]:
    loaded = load_task(definition)
    docs = search_pool(loaded)
    if splits.by is not None:
        items = stratified(list(docs), _column(docs, splits.by, definition), splits.search)
        return _record(splits, len(docs), (), items)
    rows = [one for one in _responses(loaded, store) if one.item in docs]
    found = Responses.of((one.candidate, one.item, one.score) for one in rows)
    counts = found.counts()
    pool = [item for item in docs if counts.get(item, 0) >= FEWEST_SCORES]
    if len(pool) < splits.search:
        raise TaskError(
            f"tasks[{definition.name}].splits.choose",
            f"{splits.choose} takes {splits.search} items that at least {FEWEST_SCORES} candidates were scored on in "
            f"earlier experiments, and the store has {len(pool)} such items of {len(docs)}",
            "run an experiment with more random search items of this task first, or write choose: random",
        )
    if splits.choose == "stratified":
        return _record(splits, len(pool), rows, stratified(pool, ease(found), splits.search))
    return _record(splits, len(pool), rows, highest(pool, discrimination(found), splits.search))


def _column(docs: Mapping[str, Mapping[str, Any]], name: str, definition: TaskDefinition) -> dict[str, Any]:
    columns = dict.fromkeys(key for doc in docs.values() for key in doc)
    if name not in columns:
        field = f"tasks[{definition.name}].splits.by"
        raise TaskError(field, f"the data has no column {name!r}", nearest(name, columns))
    return {item: doc.get(name) for item, doc in docs.items()}


def _responses(loaded: LoadedTask, store: ResponseBook | None) -> list[Response]:
    """Find scores of the same question, asked and scored in the same way, whatever models were merged."""
    if store is None:
        return []
    asked = TaskSuite([loaded]).describe()[loaded.definition.name]
    wanted = (
        asked["config_hash"],
        f"{asked['metric']},{asked['filter']}",
        asked["num_fewshot"],
        asked["teacher_forced"],
        asked["chat_template"],
    )
    names: dict[str, list[str]] = {}
    for digest, data in sorted(store.all_provenances().items()):
        for name, task in Provenance.from_dict(data).tasks.items():
            made = (task.task, task.metric, task.num_fewshot, task.teacher_forced, task.chat_template is not None)
            if made == wanted:
                names.setdefault(name, []).append(digest)
    return [one for name, digests in names.items() for one in store.responses(name, digests, _MOST_CANDIDATES)]


def _record(splits: SplitSpec, pool: int, rows: Sequence[Response], items: Sequence[str]) -> dict[str, Any]:
    return {
        "choose": splits.choose,
        "by": splits.by,
        "pool": pool,
        "candidates": len({one.candidate for one in rows}),
        "experiments": sorted({one.experiment for one in rows}),
        "items": list(items),
    }
