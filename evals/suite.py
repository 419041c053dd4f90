"""The tasks of an experiment, loaded once and rescored for every candidate."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from evals.answers import log_likelihoods
from evals.loading import LoadedTask, load_task, where
from evals.local.scorer import scorer_of
from evals.scoring import PlannedItem, ask, finite, grade, grade_forced, plan, rehearse
from evals.splits import item_id
from evals.tasks import SPLITS, ItemRef, ItemScore, TaskDefinition
from evals.texts import ItemText, item_text
from evals.volume import Volume, volume
from evomerge.errors import TaskError, nearest

if TYPE_CHECKING:
    from lm_eval.api.model import LM


class TaskSuite:
    """The tasks of an experiment, loaded once and rescored for every candidate.

    Prompts are built on the first scoring of a split by a model object and kept as long as that object lives,
    so a resident engine pays for them once, whatever weights it holds.
    """

    def __init__(self, tasks: Sequence[LoadedTask]) -> None:
        """Take tasks that are loaded and checked; ``load`` does both."""
        self._tasks = tuple(tasks)
        self._plans: WeakKeyDictionary[LM, dict[str, list[PlannedItem]]] = WeakKeyDictionary()

    @classmethod
    def load(cls, definitions: Sequence[TaskDefinition]) -> TaskSuite:
        """Open and check every task and cut its items into splits; needs no model.

        Raises:
            TaskError: a definition, task file or data file cannot be used, there are too few items, or one
                task tests on an item that another searches on.
        """
        names = [definition.name for definition in definitions]
        for name in names:
            if names.count(name) > 1:
                raise TaskError(f"tasks[{name}].name", "two tasks have this name", "rename one of them")
        tasks = [load_task(definition) for definition in definitions]
        for task in tasks:
            rehearse(task)
        _check_leaks(tasks)
        return cls(tasks)

    def items(self, split: str) -> tuple[ItemRef, ...]:
        """Return the items of a split in the order in which they are scored.

        Raises:
            TaskError: no such split.
        """
        _check_split(split)
        return tuple(ItemRef(task.definition.name, item) for task in self._tasks for item in task.splits[split])

    def score(self, lm: LM, split: str, positions: Sequence[int] | None = None) -> list[ItemScore]:
        """Score a model on every item of a split, or on some, in the order of ``items``.

        Args:
            lm: the model.
            split: name of the split.
            positions: places in ``items(split)``, ascending; None scores all of them.

        On the search split, generation tasks also ask for the log-likelihood of the reference answer; on the
        other splits they leave it None. Multiple-choice and log-likelihood tasks give it on every split.

        Raises:
            Infeasible: the model answers NaN, or an answer of it cannot be scored.
            TaskError: no such split or position, or the model's tokenizer rules teacher forcing out.
        """
        planned = _chosen(self._plan(lm, split), split, positions)
        copies = [copy.deepcopy(entry.instances) for entry in planned]
        ask(lm, (instance for instances in copies for instance in instances))
        for task in self._tasks:
            groups = [group for entry, group in zip(planned, copies, strict=True) if entry.loaded is task]
            if own := [instance for group in groups for instance in group]:
                task.pipeline.apply(own)
        responses = iter(log_likelihoods(lm, [answer for entry in planned for answer in entry.answers]))
        scores = []
        for entry, instances in zip(planned, copies, strict=True):
            answered = [next(responses) for _ in entry.answers]
            if not instances:
                scores.append(grade_forced(entry, answered))
                continue
            name = entry.loaded.definition.name
            logprob = finite(answered[0][0], name, entry.item) if answered else None
            scores.append(grade(entry.loaded, entry.item, instances, logprob))
        return scores

    def volume(self, split: str, tokenizer: Any) -> Volume:
        """Return what one candidate reads and writes on a split; ``tokenizer`` is transformers' own.

        Raises:
            TaskError: no such split.
        """
        _check_split(split)
        parts = [volume(task, split, tokenizer) for task in self._tasks]
        return sum(parts, start=Volume(0, 0, 0, 0))

    def texts(self) -> list[ItemText]:
        """Return the words of every item of all splits; about half a millisecond for each."""
        return [item_text(task, item) for task in self._tasks for item in task.docs]

    def describe(self) -> dict[str, Any]:
        """Return, per task, what was run on what: the provenance that a stored score needs."""
        return {task.definition.name: _describe(task) for task in self._tasks}

    def _plan(self, lm: LM, split: str) -> list[PlannedItem]:
        _check_split(split)
        plans = self._plans.setdefault(lm, {})
        if split not in plans:
            plans[split] = [entry for task in self._tasks for entry in plan(lm, task, split)]
        return plans[split]


def _chosen(planned: list[PlannedItem], split: str, positions: Sequence[int] | None) -> list[PlannedItem]:
    if positions is None:
        return planned
    wanted = list(positions)
    if wanted != sorted({*wanted}) or not wanted or wanted[0] < 0 or wanted[-1] >= len(planned):
        raise TaskError(
            "positions",
            f"found {wanted[:8]}{' …' if len(wanted) > 8 else ''} on {split} with its {len(planned)} items",
            f"give ascending positions from 0 to {len(planned) - 1}, each once",
        )
    return [planned[position] for position in wanted]


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise TaskError("split", f"{split!r} is not a split", nearest(split, SPLITS))


def _check_leaks(tasks: Sequence[LoadedTask]) -> None:
    """Two tasks on the same data could hide one's test items in the other's search split."""
    for tested in tasks:
        for seen in tasks:
            shared = set(tested.splits["test"]) & {*seen.splits["search"], *seen.splits["selection"]}
            if shared:
                raise TaskError(
                    where(tested.definition, "test"),
                    f"{len(shared)} of its test items are in the search or selection split of task "
                    f"{seen.definition.name!r}",
                    "give tasks on the same data the same seed and the same split sizes",
                )


def _describe(loaded: LoadedTask) -> dict[str, Any]:
    definition, task = loaded.definition, loaded.task
    config = task.dump_config()
    # Where lm-eval is installed says nothing about the task.
    config["metadata"] = {k: v for k, v in (config.get("metadata") or {}).items() if k != "config_source"}
    return {
        "lm_eval": metadata.version("lm-eval"),
        "source": definition.source,
        "config_hash": _hash(_without_paths(config)),
        "output_type": task.OUTPUT_TYPE,
        "metric": loaded.metric,
        "filter": loaded.pipeline.name,
        "judge": None if (scorer := scorer_of(task)) is None else scorer.judged_by,
        "higher_is_better": loaded.sign > 0,
        "weight": definition.weight,
        "num_fewshot": loaded.num_fewshot,
        "examples_hash": _hash([item_id(doc) for doc in task.sampler.df]) if loaded.num_fewshot else None,
        "chat_template": definition.chat_template,
        "generation_kwargs": config.get("generation_kwargs"),
        "teacher_forced": definition.teacher_forced,
        "seed": definition.seed,
        "pools": {use: {"split": pool.split, "rows": pool.rows} for use, pool in loaded.pools.items()},
        "items": {split: len(loaded.splits[split]) for split in SPLITS},
        "items_hash": {split: _hash(loaded.splits[split]) for split in SPLITS},
    }


def _without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """The place of local data files differs between machines; the items' hashes stand for their content."""
    return {key: value for key, value in config.items() if key != "dataset_kwargs"}


def _hash(value: Any) -> str:
    def named(code: Any) -> Any:
        if is_dataclass(code) and not isinstance(code, type):  # a scorer of ours, with its settings
            return {type(code).__name__: asdict(code)}
        return str(getattr(code, "__qualname__", type(code).__name__))

    return hashlib.sha256(json.dumps(value, sort_keys=True, default=named).encode()).hexdigest()[:16]
