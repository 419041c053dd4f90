"""One forward pass against generation, on items that the model gets right and items that it gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import Infeasible, TaskError

END = "<|im_end|>"
SIZES = {"search": 16, "selection": 4, "test": 4}
EXACT = {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}


def define(source: str, **options: Any) -> TaskDefinition:
    return TaskDefinition(name="quiz", source=source, **{"metric": "exact_match", **SIZES, **options})


def spoil(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give half of the items a reference that differs, one of them by its end only."""
    wrong = {"red": "red red", "deep blue": "deep", "green": "greens"}
    return [row | {"answer": wrong[row["answer"]]} if i % 2 else row for i, row in enumerate(rows)]


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("until", [[END], [], ["<|endoftext|>"]])
def test_equals_generation(
    learnt: Any, write_task: Callable[..., str], rows: list[dict[str, Any]], chat: bool, until: list[str]
) -> None:
    options = {"until": until, "do_sample": False, "max_gen_toks": 8}
    source = write_task(rows=spoil(rows), generation_kwargs=options)
    forced = TaskSuite.load([define(source, teacher_forced=True, chat_template=chat)])
    generated = TaskSuite.load([define(source, chat_template=chat)])
    quick, slow = forced.score(learnt, "search"), generated.score(learnt, "search")
    assert [(s.item, s.score) for s in quick] == [(s.item, s.score) for s in slow]
    assert {s.score for s in quick} == {0.0, 1.0}
    assert all(s.output is None for s in quick)
    # The end token is part of the forced answer, so that answer is less likely than the reference alone.
    for one, other in zip(quick, slow, strict=True):
        assert one.reference_logprob is not None
        assert other.reference_logprob is not None
        assert one.reference_logprob <= other.reference_logprob + 1e-3
    assert forced.score(learnt, "test") == generated.score(learnt, "test")


def test_an_answer_that_fills_the_limit_needs_no_end(
    learnt: Any, write_task: Callable[..., str], rows: list[dict[str, Any]]
) -> None:
    source = write_task(rows=[row | {"answer": row["answer"].split()[0]} for row in rows])
    options = {"chat_template": True, "max_tokens": 1}
    quick = TaskSuite.load([define(source, teacher_forced=True, **options)]).score(learnt, "search")
    slow = TaskSuite.load([define(source, **options)]).score(learnt, "search")
    assert [s.score for s in quick] == [s.score for s in slow]
    # "deep" is only right because the limit cuts "deep blue" short.
    assert sum(s.score for s in quick) >= 12


@pytest.mark.parametrize(
    ("keys", "options", "reason"),
    [
        ({"filter_list": [{"name": "f", "filter": [{"function": "lowercase"}]}]}, {}, "filters rewrite"),
        ({"metric_list": [{**EXACT, "ignore_case": True}]}, {}, "normalizes"),
        ({"target_delimiter": " "}, {}, "target_delimiter ' '"),
        ({"doc_to_target": "choices"}, {}, "several references"),
        ({"repeats": 2}, {}, "several answers are drawn"),
        ({"generation_kwargs": {"until": [END], "do_sample": True, "temperature": 0.7}}, {}, "sampled"),
        (
            {
                "output_type": "multiple_choice",
                "doc_to_choice": "choices",
                "doc_to_target": "label",
                "generation_kwargs": None,
                "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
            },
            {"metric": "acc"},
            "output type is multiple_choice",
        ),
    ],
)
def test_refused_before_anything_runs(
    write_task: Callable[..., str], keys: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TaskError, match=reason) as caught:
        TaskSuite.load([define(write_task(**keys), teacher_forced=True, **options)])
    assert caught.value.field == "tasks[quiz].teacher_forced"


def test_a_chat_turn_takes_the_place_of_the_delimiter(write_task: Callable[..., str]) -> None:
    TaskSuite.load([define(write_task(target_delimiter=" "), teacher_forced=True, chat_template=True)])


@pytest.mark.parametrize("stop", ["\n\n", "stop"])
def test_text_stops_are_refused(learnt: Any, write_task: Callable[..., str], stop: str) -> None:
    source = write_task(generation_kwargs={"until": [END, stop], "max_gen_toks": 8})
    suite = TaskSuite.load([define(source, teacher_forced=True)])
    with pytest.raises(TaskError, match="not one special token"):
        suite.score(learnt, "search")


def test_references_beyond_the_limit_are_refused(learnt: Any, write_task: Callable[..., str]) -> None:
    suite = TaskSuite.load([define(write_task(), teacher_forced=True, max_tokens=1)])
    with pytest.raises(TaskError, match="2 tokens and the limit is 1"):
        suite.score(learnt, "search")


def test_nan_weights_are_infeasible(learnt: Any, write_task: Callable[..., str]) -> None:
    suite = TaskSuite.load([define(write_task(), teacher_forced=True)])
    weight = learnt.model.model.norm.weight
    saved = weight.detach().clone()
    weight.data.fill_(float("nan"))
    try:
        with pytest.raises(Infeasible, match="nan"):
            suite.score(learnt, "search")
    finally:
        weight.data.copy_(saved)
