"""Suites of the catalog in a spec: written out, filled in, and never searched on test items."""

from __future__ import annotations

from typing import Any

import pytest

from evals.catalog import suites
from evomerge.errors import SpecError
from experiments.spec import ExperimentSpec, parse_spec


def spec_of(*tasks: dict[str, Any], **search: Any) -> ExperimentSpec:
    return parse_spec(
        {
            "name": "suites",
            "base_model": "base",
            "models": {"a": "a"},
            "merge": {"method": "linear"},
            "tasks": list(tasks),
            "search": {"budget": {"evaluations": 20}, **search},
        }
    )


def test_a_suite_is_written_out_with_what_the_catalog_says() -> None:
    found = spec_of({"suite": "mathematics", "weight": 2.0, "splits": {"search": 8, "selection": 4, "test": 50}})
    assert [task.task for task in found.tasks] == [one.full_name for one in suites()["mathematics"]]
    gsm8k, math500 = found.tasks[0], found.tasks[-1]
    assert (gsm8k.name, gsm8k.metric, gsm8k.num_fewshot, gsm8k.search_from) == (
        "gsm8k",
        "exact_match,strict-match",
        5,
        "train",
    )
    assert (gsm8k.weight, gsm8k.splits.search, gsm8k.splits.selection, gsm8k.splits.test) == (2.0, 8, 4, 50)
    # It was published with test items alone.
    assert (math500.splits.search, math500.splits.selection, math500.splits.test) == (0, 0, 50)
    assert math500.weight == 0.0
    assert parse_spec(found.canonical()) == found


def test_a_task_of_a_suite_keeps_what_the_spec_says() -> None:
    given = {"metric": "exact_match,flexible-extract", "num_fewshot": 0, "name": "sums", "chat_template": True}
    (task,) = spec_of({"task": "mathematics/gsm8k", **given}).tasks
    assert {key: getattr(task, key) for key in given} == given
    assert task.search_from == "train"


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([{"suite": "maths"}], r"tasks\[0\]: there is no suite 'maths'.*did you mean 'mathematics'"),
        ([{"task": "mathematics/gsm"}], r"tasks\[0\]: the suite 'mathematics' has no task 'gsm'"),
        ([{"task": "mathematics/math500"}], "no task has search items"),
        (
            [{"task": "mathematics/gsm8k"}, {"task": "mathematics/math500", "splits": {"search": 8}}],
            r"tasks\[1\]: mathematics/math500 has only the items .* no search may see",
        ),
        ([{"task": "knowledge/mmlu", "search_from": "test"}], "searched on 'validation'"),
        ([{"suite": "safety", "metric": "acc"}], "metric is given for a whole suite"),
        ([{"suite": "safety", "task": "gsm8k"}], "both task and suite"),
        ([{"metric": "acc"}], "neither task nor suite"),
        ([{"task": "a", "weight": 0.0}], r"tasks\[0\]: weight is 0, and the task has search items"),
        ([{"task": "a", "splits": {"search": 0}}], r"tasks\[0\].splits: search is 0 and selection is 64"),
        (
            [{"task": "a", "splits": {"search": 0, "selection": 0, "choose": "stratified"}}],
            "choose is stratified, and there are no search items",
        ),
        ([{"task": "a", "splits": {"by": "level"}}], "by is 'level', and choose is random"),
        ([{"suite": "safety"}, {"task": "safety/toxigen"}], "two tasks are named 'toxigen'"),
    ],
)
def test_mistakes(tasks: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec_of(*tasks)


def test_the_search_knows_no_tasks_for_the_report_alone() -> None:
    pair = ({"task": "mathematics/gsm8k"}, {"task": "mathematics/math500"})
    with pytest.raises(SpecError, match="needs two tasks to search on"):
        spec_of(*pair, objectives="pareto", algorithm="optuna-nsga2")
    with pytest.raises(SpecError, match="a task named 'math500', and none is searched on"):
        spec_of(*pair, constraints=[{"task": "math500"}])
