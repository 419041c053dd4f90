"""The decision table of ``auto``."""

from __future__ import annotations

import numpy as np
import pytest
from search_problems import setting, weights

from optimizer.search.catalog import find_algorithm, make_search, resolve
from optimizer.search.interface import Prior


@pytest.mark.parametrize(
    ("dimension", "candidates", "workers", "expected"),
    [
        (2, 30, 1, "optuna-gp"),
        (3, 50, 4, "optuna-gp"),
        (3, 50, 16, "merge-cma"),
        (2, 51, 1, "optuna-tpe"),
        (3, 55, 1, "merge-cma"),
        (5, 100, 16, "optuna-tpe"),
        (5, 99, 1, "merge-cma"),
        (6, 1000, 1, "merge-cma"),
        (6, 20, 1, "merge-cma"),
        (200, 100, 8, "merge-cma"),
        (2, None, 1, "merge-cma"),
    ],
)
def test_dimension_budget_and_workers_decide(
    dimension: int, candidates: int | None, workers: int, expected: str
) -> None:
    choice = resolve("auto", setting(weights(dimension), candidates=candidates, workers=workers), {})
    assert choice.algorithm == expected
    assert f"{dimension} dimensions" in choice.reason
    assert ("open budget" if candidates is None else str(candidates)) in choice.reason


def test_a_prior_is_used() -> None:
    prior = Prior(np.zeros(2), np.eye(2), "a test")
    choice = resolve("auto", setting(weights(2), candidates=30, prior=prior), {})
    assert choice.algorithm == "merge-cma"
    assert "prior" in choice.reason


@pytest.mark.parametrize(
    ("tasks", "candidates", "expected"),
    [
        (2, 400, "como-cma"),
        (2, None, "como-cma"),
        (2, 399, "optuna-nsga2"),
        (3, 1000, "optuna-nsga2"),
        (1, 1000, "merge-cma"),
    ],
)
def test_several_objectives_are_searched_where_they_are_asked_for(
    tasks: int, candidates: int | None, expected: str
) -> None:
    one = setting(weights(8), candidates=candidates, tasks=tasks)
    assert resolve("auto", one, {}, pareto=True).algorithm == expected
    assert resolve("auto", one, {}).algorithm == "merge-cma"


def test_a_named_algorithm_is_its_own_choice_with_its_options() -> None:
    choice = resolve("pycma", setting(weights(2)), {"popsize": 10})
    assert (choice.algorithm, choice.options) == ("pycma", {"popsize": 10})


def test_auto_builds_what_it_chooses() -> None:
    assert type(make_search("auto", setting(weights(8)))).__name__ == "MergeCma"
    assert find_algorithm("auto").uses_blocks
