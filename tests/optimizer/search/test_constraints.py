"""Floors: what the result must keep on single tasks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_problems import ITEMS, drive, setting, weights

from optimizer.search.catalog import make_search
from optimizer.search.interface import FLOOR_PENALTY, Scores, SearchItems, Vector

TASKS = np.array([0, 0, 1, 1, 2, 2])


def items(floors: list[float] | None) -> SearchItems:
    found = None if floors is None else np.array(floors)
    return SearchItems(TASKS, np.array([1.0, 1.0, 2.0]), (np.arange(6),), found)


def scores(*means: float) -> Scores:
    return Scores(np.arange(6), np.repeat(means, 2))


def test_a_breach_costs_ten_times_what_is_missing() -> None:
    plain = items(None).fitness(scores(0.5, 0.4, 0.3))
    floored = items([0.6, np.nan, 0.1])
    assert floored.fitness(scores(0.5, 0.4, 0.3)) == pytest.approx(plain - FLOOR_PENALTY * 0.1)
    assert floored.shortfall(floored.task_means(scores(0.5, 0.4, 0.3))) == pytest.approx(0.1)
    assert items([0.5, 0.4, 0.3]).fitness(scores(0.5, 0.4, 0.3)) == pytest.approx(plain)


def test_a_task_without_scores_breaks_no_floor() -> None:
    part = Scores(np.array([2, 3]), np.array([0.2, 0.4]))
    assert items([0.9, 0.1, 0.9]).fitness(part) == pytest.approx(0.3)
    assert np.allclose(items(None).task_means(part), [np.nan, 0.3, np.nan], equal_nan=True)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_penalty_is_zero_exactly_where_all_floors_hold(means: list[float], floors: list[float]) -> None:
    one = items(floors)
    holds = all(mean >= floor for mean, floor in zip(means, floors, strict=True))
    found = one.task_means(scores(*means))
    assert one.satisfies(found) == (one.shortfall(found) == 0.0)
    # The mean of two equal floats is that float.
    assert one.satisfies(found) == holds


def trade(point: Vector) -> Scores:
    """Task 0 falls by what task 1 wins, which is twice as much."""
    step = float(point[0])
    return Scores(np.arange(ITEMS), np.where(np.arange(ITEMS) % 2 == 0, -0.05 * step, 0.1 * step) - 0.001 * step**2)


@pytest.mark.parametrize("name", ["merge-cma", "pycma", "DE", "optuna-tpe", "mergekit-evolve"])
def test_every_algorithm_stays_above_the_floor(name: str) -> None:
    free, bound = (
        setting(weights(1), tasks=2, candidates=120, floors=floors) for floors in (None, np.array([-0.1, np.nan]))
    )
    reached = []
    for one in (free, bound):
        search = make_search(name, one)
        drive(search, candidates=120, score=trade)
        reached.append(one.items.task_means(trade(search.center()))[0])
    assert reached[0] < -0.15
    assert -0.12 < reached[1] < 0.0
