"""The tasks of a spec: what each key means, and suites of the catalog written out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from evals.catalog import CatalogTask, find, suite
from evomerge.errors import TaskError
from experiments.spec_base import Section, Text
from experiments.spec_errors import complaint


class SplitSpec(Section):
    """Number of items in each of the three disjoint splits of a task, and which the search gets."""

    search: int = Field(
        default=64, ge=0, description="Items that every candidate of the search is scored on; 0 = for the report alone."
    )
    selection: int = Field(default=64, ge=0, description="Items that choose among the finalists.")
    test: int = Field(default=200, ge=1, description="Items of the final comparison with the parents.")
    choose: Literal["random", "stratified", "discriminating"] = Field(
        default="random",
        description="Which of the other items are search items: random ones; stratified: an even sample of all kinds; "
        "discriminating: those whose stored scores tell candidates apart best.",
    )
    by: Text | None = Field(
        default=None,
        description="Column of the data that stratified search items are an even sample of; null = how hard the items "
        "are by stored scores.",
    )

    @model_validator(mode="after")
    def _searched_and_selected(self) -> SplitSpec:
        if bool(self.search) != bool(self.selection):
            raise complaint(
                f"search is {self.search} and selection is {self.selection}",
                "give both, or write 0 for both: the task is for the report alone then",
            )
        if self.choose != "random" and not self.search:
            raise complaint(f"choose is {self.choose}, and there are no search items", "remove it, or raise search")
        if self.by is not None and self.choose != "stratified":
            raise complaint(f"by is {self.by!r}, and choose is {self.choose}", "write choose: stratified, or remove by")
        return self


class TaskSpec(Section):
    """One calibration task, or all tasks of a suite."""

    task: Text | None = Field(
        default=None,
        description="lm-eval task name, suite/task of the catalog, or a task file relative to the spec file.",
    )
    suite: Text | None = Field(
        default=None,
        description="Suite of the catalog, in place of task: each of its tasks, with the other keys given here.",
    )
    name: Text = Field(
        default_factory=lambda data: _task_name(data.get("task") or ""),
        description="Name of the task in reports; default: the file's name without .yaml, or the task name.",
    )
    domain: Text | None = Field(
        default=None,
        description="What the task measures, such as helpfulness: reports average the tasks of one domain; null = the "
        "suite of the catalog, or none.",
    )
    metric: Text | None = Field(
        default=None, description="lm-eval metric, such as exact_match or acc; null = the catalog's, or the only one."
    )
    weight: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the task in the fitness; a task for the report alone always has 0.",
    )
    num_fewshot: int | None = Field(default=None, ge=0, description="Examples in the prompt; null = the task's own.")
    chat_template: bool = Field(default=False, description="Whether prompts go through the model's chat template.")
    max_tokens: int | None = Field(
        default=None, ge=1, description="Generated tokens per item at most; null = the task's own."
    )
    teacher_forced: bool = Field(
        default=False, description="Score the search split in one forward pass over the reference answer."
    )
    search_from: Text | None = Field(
        default=None,
        description="Data split of the search and selection items, such as train; null = the catalog's or the task "
        "file's, or the split of the test items.",
    )
    splits: SplitSpec = Field(default=SplitSpec(), description="Number of items per split.")

    @model_validator(mode="after")
    def _one_source(self) -> TaskSpec:
        if (self.task is None) == (self.suite is None):
            raise complaint(
                "there is neither task nor suite" if self.task is None else "there are both task and suite",
                "give one of them",
            )
        if not self.weight and self.splits.search:
            raise complaint(
                "weight is 0, and the task has search items",
                "give it a weight above 0, or splits: {search: 0, selection: 0}: it is for the report alone then",
            )
        both = [key for key in ("name", "metric", "search_from") if key in self.model_fields_set]
        if self.suite is not None and both:
            raise complaint(f"{both[0]} is given for a whole suite", "remove it, or list the tasks that it is for")
        try:
            known = _known(self)
        except TaskError as error:
            raise complaint(error.problem, error.fix) from None
        if self.task is not None and known:
            _check_data(self, known[0])
        return self


def written_out(entries: tuple[TaskSpec, ...]) -> tuple[TaskSpec, ...]:
    """Return one entry for each task, with what the catalog says about it where the entry says nothing."""
    found = [one for entry in entries for one in [_filled(entry, task) for task in _known(entry)] or [entry]]
    return tuple(one if one.splits.search else one.model_copy(update={"weight": 0.0}) for one in found)


def _known(entry: TaskSpec) -> tuple[CatalogTask, ...]:
    if entry.suite is not None:
        return suite(entry.suite)
    known = find(entry.task or "")
    return () if known is None else (known,)


def _check_data(entry: TaskSpec, known: CatalogTask) -> None:
    if known.search is None and "search" in entry.splits.model_fields_set and entry.splits.search:
        raise complaint(
            f"{known.full_name} has only the items that it is published with as a test, which no search may see",
            "leave search and selection out of its splits: it is scored for the report alone",
        )
    if entry.search_from not in (None, known.search):
        raise complaint(
            f"search_from is {entry.search_from!r}, and {known.full_name} is searched on {known.search!r}",
            "remove search_from",
        )


def _filled(entry: TaskSpec, known: CatalogTask) -> TaskSpec:
    given = {key: getattr(entry, key) for key in entry.model_fields_set - {"suite"}}
    catalog = {
        "task": known.full_name,
        "name": known.name,
        "domain": known.suite,
        "metric": known.metric,
        "num_fewshot": known.num_fewshot,
        "search_from": known.search,
    }
    if known.search is None:
        given["splits"] = SplitSpec(search=0, selection=0, test=entry.splits.test)
    return TaskSpec(**{key: value for key, value in (catalog | given).items() if value is not None})


def _task_name(task: str) -> str:
    return Path(task).stem if task.endswith((".yaml", ".yml")) else task.rpartition("/")[2]
