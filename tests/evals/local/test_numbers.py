"""Numbers in answers: what is found, and which texts are the same number."""

from __future__ import annotations

import re

import pytest
from lm_eval.api.metrics import exact_match_hf_evaluate

from evals.local.compiling import SAME_NUMBER
from evals.local.values import NUMBER


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("12 - 5 = 7", ["12", "5", "7"]),
        ("5-3, x=-3, (-2)", ["5", "3", "-3", "-2"]),
        ("1,234,567.8 and 12,34", ["1,234,567.8", "12", "34"]),
        ("It is 42.", ["42"]),
        ("about -.5", ["-.5"]),
        ("1,2345", ["1", "2345"]),
        ("none", []),
    ],
)
def test_numbers_are_found(text: str, numbers: list[str]) -> None:
    assert re.findall(NUMBER, text) == numbers


@pytest.mark.parametrize("texts", ["1,200.00 1200", ".5 0.5 0.50", "007 7", "3.50 3.5", "0 0.0", "-0.5 -.50", "$5 5.0"])
def test_texts_of_one_number_are_equal(texts: str) -> None:
    first, *others = texts.split()
    assert all(equal(first, other) for other in others)


@pytest.mark.parametrize("texts", ["1.05 1.5", "100 1", "10.0 1", "20 2", "-7 7", "0.5 5", "1200 120"])
def test_texts_of_other_numbers_are_not(texts: str) -> None:
    assert not equal(*texts.split())


def equal(one: str, other: str) -> bool:
    found = exact_match_hf_evaluate(predictions=[one], references=[other], regexes_to_ignore=SAME_NUMBER)
    return bool(found["exact_match"])
