from collections import deque

import numpy as np
import pytest

from evomerge.errors import SpecError
from optimizer.search import NevergradSearch, Proposal, Vector, check_algorithm


def search(dimension: int = 12, algorithm: str = "cma", seed: int = 1, popsize: int | None = None) -> NevergradSearch:
    return NevergradSearch(
        algorithm, dimension, seed=seed, evaluations=None, workers=3, popsize=popsize if algorithm == "cma" else None
    )


def bowl(point: Vector) -> float:
    return -float(((point - 1.5) ** 2).sum())


def drive(one: NevergradSearch, evaluations: int, in_flight: int = 1) -> list[Vector]:
    """Ask and tell with results that come back late, as from several workers."""
    waiting: deque[Proposal] = deque()
    asked = []
    for _ in range(evaluations):
        waiting.append(one.ask())
        asked.append(waiting[-1].point)
        if len(waiting) == in_flight:
            first = waiting.popleft()
            one.tell(first, bowl(first.point))
    return asked


@pytest.mark.parametrize("dimension", [1, 2, 12, 40])
def test_cma_approaches_the_optimum(dimension: int) -> None:
    one = search(dimension)
    start = bowl(np.zeros(dimension))
    drive(one, 60 * 12, in_flight=3)
    assert bowl(one.center()) > 0.05 * start


def test_only_points_in_flight_are_stale() -> None:
    """With two in flight, a result changes the point after next; nevergrad's own CMA would need a generation."""
    told, untold = search(popsize=4), search(popsize=4)
    for one, sign in ((told, 1.0), (untold, -1.0)):
        proposals = [one.ask() for _ in range(5)]
        for proposal in proposals[:4]:
            one.tell(proposal, sign * bowl(proposal.point))
    assert not np.array_equal(told.ask().point, untold.ask().point)


def test_same_seed_and_tells_give_the_same_asks() -> None:
    first, second, other = (drive(search(seed=seed), 50, in_flight=3) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_plateaus_neither_stop_nor_restart_the_search() -> None:
    one = search(4, popsize=6)
    for _ in range(60):
        proposal = one.ask()
        one.tell(proposal, bowl(proposal.point))
    before = one.center()
    assert np.linalg.norm(before) > 1
    for _ in range(120):
        one.tell(one.ask(), 0.25)
    # A restart would put the mean back to the origin; a random walk on a plateau stays around where it was.
    assert np.linalg.norm(one.center() - before) < np.linalg.norm(before)


def test_infeasible_candidates_rank_last() -> None:
    one = search(2, popsize=8)
    for _ in range(160):
        proposal = one.ask()
        one.tell(proposal, None if proposal.point[0] > 0.5 else float(proposal.point[0]))
    assert one.center()[0] < 0.7


@pytest.mark.parametrize("algorithm", ["DE", "OnePlusOne", "RandomSearch"])
def test_algorithms_of_the_registry_work_by_name(algorithm: str) -> None:
    one = search(5, algorithm)
    asked = drive(one, 60)
    assert bowl(one.center()) >= max(bowl(point) for point in asked[:20])


def test_unknown_algorithm_and_useless_population_are_refused() -> None:
    with pytest.raises(SpecError, match="did you mean 'cma'"):
        check_algorithm("cmaa", None)
    with pytest.raises(SpecError, match=r"search\.population"):
        check_algorithm("DE", 10)
    check_algorithm("cma", 10)
    check_algorithm("TwoPointsDE", None)
