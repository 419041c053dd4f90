"""An answer is called decided only where lm-eval's own scorer agrees, whatever the answer goes on with."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.decisions import decided_by
from evals.loading import LoadedTask, load_task
from evals.scoring import grade
from evals.tasks import TaskDefinition

EXACT = {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}
STRIP = [{"name": "cut", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}]
# Few letters, so that texts often agree; NUL and U+FFFD are those that comparing and decoding treat in their own way.
TEXTS = st.text(alphabet="ab \0\ufffd", max_size=6)


def load(write_task: Callable[..., str], **keys: Any) -> LoadedTask:
    rows = [{"question": f"q{n}", "answer": "ab", "several": ["ab", "b"], "number": 7} for n in range(4)]
    source = write_task(rows=rows, **keys)
    return load_task(TaskDefinition("quiz", source, "exact_match", search=2, selection=1, test=1))


def score(loaded: LoadedTask, doc: dict[str, Any], text: str) -> float:
    instance = SimpleNamespace(doc=doc, resps=[text], filtered_resps={}, request_type="generate_until")
    loaded.pipeline.apply([instance])
    return grade(loaded, "0" * 16, [instance], None).score


@pytest.mark.parametrize(
    "keys", [{}, {"filter_list": STRIP}, {"doc_to_target": "several"}], ids=["plain", "strip", "several"]
)
def test_no_continuation_of_a_decided_answer_scores(write_task: Callable[..., str], keys: dict[str, Any]) -> None:
    loaded = load(write_task, **keys)
    template = next(iter(loaded.docs.values()))
    decided_once = []

    @given(TEXTS, TEXTS, TEXTS)
    def check(reference: str, begun: str, rest: str) -> None:
        doc = template | {"answer": reference, "several": [reference, "a"]}
        decided = decided_by(loaded, doc)
        if decided is None:
            assert "\ufffd" in reference
        elif decided(begun):
            decided_once.append(begun)
            assert score(loaded, doc, begun + rest) == score(loaded, doc, begun) == 0.0

    check()
    assert decided_once


def test_what_may_still_match_is_not_decided(write_task: Callable[..., str]) -> None:
    loaded = load(write_task)
    doc = next(iter(loaded.docs.values()))
    decided = decided_by(loaded, doc)
    assert decided is not None
    assert [decided(text) for text in ("", "a", "ab", "ab\0", "abc", "b", " ab", "ab ")] == [False] * 4 + [True] * 4


@pytest.mark.parametrize(
    "keys",
    [
        {"metric_list": [EXACT | {"ignore_case": True}]},
        {"filter_list": [{"name": "f", "filter": [{"function": "regex"}, {"function": "take_first"}]}]},
        {"filter_list": [{"name": "f", "filter": [{"function": "lowercase"}, {"function": "take_first"}]}]},
        {"generation_kwargs": {"until": ["\n"], "do_sample": True, "temperature": 0.5}},
        {"repeats": 2},
        {
            "output_type": "multiple_choice",
            "doc_to_choice": "several",
            "doc_to_target": 0,
            "generation_kwargs": None,
        },
    ],
)
def test_nothing_is_decided_where_it_cannot_be_proven(write_task: Callable[..., str], keys: dict[str, Any]) -> None:
    loaded = load(write_task, **keys)
    assert decided_by(loaded, next(iter(loaded.docs.values()))) is None
