"""Several objectives: archive, exact hypervolume, NSGA-II and COMO-CMA."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_problems import ITEMS, drive, setting, weights

from optimizer.search.catalog import make_search
from optimizer.search.interface import Scores, SearchItems, Vector
from optimizer.search.pareto import ParetoArchive, ParetoSearch, Tradeoff, hypervolume, objectives

GRID = 5


def counted(points: Vector, reference: Vector) -> float:
    """Volume by counting the unit cells that a point covers."""
    covered = 0
    for cell in product(range(-1, GRID), repeat=points.shape[1]):
        corner = np.array(cell) + 1
        if np.all(np.array(cell) >= reference) and any(np.all(point >= corner) for point in points):
            covered += 1
    return float(covered)


@st.composite
def fronts(draw: st.DrawFn) -> tuple[Vector, Vector]:
    size = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(st.integers(0, GRID), min_size=size, max_size=size), min_size=0, max_size=7))
    reference = draw(st.lists(st.integers(-1, 2), min_size=size, max_size=size))
    return np.array(rows, dtype=np.float64).reshape(-1, size), np.array(reference, dtype=np.float64)


@given(fronts())
@settings(max_examples=150, deadline=None)
def test_hypervolume_is_the_covered_volume(front: tuple[Vector, Vector]) -> None:
    assert hypervolume(*front) == pytest.approx(counted(*front))


@given(fronts())
@settings(max_examples=150, deadline=None)
def test_the_archive_is_what_nothing_dominates(front: tuple[Vector, Vector]) -> None:
    points, reference = front
    archive = ParetoArchive()
    for number, point in enumerate(points):
        archive.add(Tradeoff(number, point, point, float(point.sum())))

    def dominated(point: Vector) -> bool:
        return any(np.all(other >= point) and np.any(other > point) for other in points)

    expected = {tuple(point) for point in points if not dominated(point)}
    assert sorted(tuple(one.objectives) for one in archive.front) == sorted(expected)
    assert archive.hypervolume(reference) == pytest.approx(hypervolume(points, reference))
    best = archive.best()
    assert (best is None) == (len(points) == 0)
    if best is not None:
        assert best.fitness == max(float(point.sum()) for point in points)


def two_bowls(point: Vector) -> Scores:
    """Task 0 is best at +1 in every coordinate, task 1 at -1."""
    tasks = np.arange(ITEMS) % 2
    goals = np.where(tasks == 0, 1.0, -1.0)
    return Scores(np.arange(ITEMS), np.array([-((point - goal) ** 2).mean() for goal in goals]))


@pytest.mark.parametrize(("name", "share"), [("optuna-nsga2", 0.0), ("como-cma", 0.5)])
def test_the_front_is_covered_better_than_by_chance(name: str, share: float) -> None:
    volumes = []
    for one in (name, "optuna-random"):
        problem = setting(weights(4), tasks=2, workers=2, candidates=200)
        search = make_search(one, problem)
        run = drive(search, candidates=200, in_flight=2, score=two_bowls)
        found = np.array([objectives(problem.items, scores) for _, scores in run.told if scores is not None])
        volumes.append(hypervolume(found, np.array([-6.0, -6.0])))
        if isinstance(search, ParetoSearch):
            assert search.archive.hypervolume(np.array([-6.0, -6.0])) == pytest.approx(volumes[-1])
    # The best front has ends at (0, -4) and (-4, 0) and about 34.7 above the reference.
    assert volumes[0] > volumes[1] + share * (34.0 - volumes[1])


@pytest.mark.parametrize("name", ["optuna-nsga2", "como-cma"])
def test_the_result_is_the_archive_point_with_the_best_weighted_fitness(name: str) -> None:
    problem = setting(weights(3), tasks=2)
    search = make_search(name, problem)
    assert np.array_equal(search.center(), np.zeros(3))
    run = drive(search, candidates=80, score=two_bowls)
    fitness = [problem.items.fitness(scores) for _, scores in run.told if scores is not None]
    assert np.array_equal(search.center(), run.told[int(np.argmax(fitness))][0].point)


@pytest.mark.parametrize("name", ["optuna-nsga2", "como-cma"])
def test_floors_keep_the_result_where_they_hold(name: str) -> None:
    floors = np.array([np.nan, -0.5])
    problem = setting(weights(3), tasks=2, floors=floors, candidates=200)
    search = make_search(name, problem)
    drive(search, candidates=200, score=two_bowls)
    assert problem.items.task_means(two_bowls(search.center()))[1] > -0.5 - 0.05


def test_como_ends_no_kernel_and_asks_enough_at_once() -> None:
    search = make_search("como-cma", setting(weights(3), tasks=2, workers=40), {"kernels": 6, "popsize": 7})
    asked = []
    while (proposal := search.ask()) is not None:
        asked.append(proposal)
    # Six means, and a generation of as many kernels as 40 workers can score at once.
    assert len(asked) == 6 + 6 * 7


def test_only_tasks_that_have_items_are_objectives() -> None:
    items = SearchItems(np.array([0, 0, 2, 2]), np.ones(3), (np.arange(4),))
    means = objectives(items, Scores(np.array([0, 1, 2]), np.array([1.0, 0.0, 3.0])))
    assert np.array_equal(means, [0.5, np.nan, 3.0], equal_nan=True)
