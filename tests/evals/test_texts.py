"""The words of items, as every kind of task has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evals.loading import load_task
from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evals.texts import LONGEST_TEXT, MOST_CHOICES, ItemText

CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_choice": "choices",
    "doc_to_target": "label",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}


@pytest.fixture
def texts(write_task: Callable[..., str]) -> Callable[..., dict[str | None, ItemText]]:
    """The texts of a task's four items, by prompt."""

    def load(rows: list[dict[str, Any]], metric: str = "exact_match", **keys: Any) -> dict[str | None, ItemText]:
        source = write_task("quiz", rows, **keys)
        loaded = load_task(TaskDefinition("quiz", source, metric, search=2, selection=1, test=1))
        found = TaskSuite([loaded]).texts()
        assert len(found) == len({one.item for one in found}) == 4
        return {one.prompt: one for one in found}

    return load


def test_generated_answers(texts: Callable[..., Any], rows: list[dict[str, Any]]) -> None:
    for row in (found := texts(rows[:4])) and rows[:4]:
        one = found[row["question"]]
        assert (one.task, one.reference, one.choices, one.truncated) == ("quiz", row["answer"], None, False)


def test_choices(texts: Callable[..., Any], rows: list[dict[str, Any]]) -> None:
    found = texts(rows[:4], "acc", **CHOICE)
    for row in rows[:4]:
        one = found[row["question"]]
        assert (one.reference, one.choices) == (row["choices"][row["label"]], tuple(row["choices"]))


def test_contexts_to_choose_from(texts: Callable[..., Any]) -> None:
    rows = [{"end": f"was {n}.", "starts": [f"The cat {n}", f"The dog {n}"], "label": n % 2} for n in range(4)]
    places = {"doc_to_text": "label", "doc_to_target": "end", "doc_to_choice": "starts"}
    found = texts(rows, "acc", **CHOICE | places)
    assert (found["was 3."].reference, found["was 3."].choices) == ("The dog 3", ("The cat 3", "The dog 3"))


def test_likelihoods(texts: Callable[..., Any], rows: list[dict[str, Any]]) -> None:
    metrics = [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]
    found = texts(rows[:4], "acc", output_type="loglikelihood", metric_list=metrics)
    assert [one.reference for one in found.values()] == [
        next(row["answer"] for row in rows if row["question"] == prompt) for prompt in found
    ]


def test_what_is_too_long_is_cut_and_says_so(texts: Callable[..., Any]) -> None:
    long = [{"question": f"{n}" + "x" * LONGEST_TEXT, "choices": [f"c{k}" for k in range(n + 63)], "label": 0}
            for n in range(4)]  # fmt: skip
    found = list(texts(long, "acc", **CHOICE).values())
    assert {len(one.prompt or "") for one in found} == {LONGEST_TEXT} and all(one.truncated for one in found)
    assert sorted(len(one.choices or ()) for one in found) == [63, 64, MOST_CHOICES, MOST_CHOICES]
    short = [row | {"question": row["question"][:9]} for row in long]
    cut = {len(one.choices or ()): one.truncated for one in texts(short, "acc", **CHOICE).values()}
    assert cut == {63: False, MOST_CHOICES: True}
