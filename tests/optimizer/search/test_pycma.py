"""pycma's CMA-ES behind the interface."""

from __future__ import annotations

import numpy as np
import pytest
from search_problems import bowl, drive, scored, setting, weights

from optimizer.search.declared import PycmaOptions
from optimizer.search.interface import Prior
from optimizer.search.pycma import Pycma


def build(dimension: int = 4, *, seed: int = 1, popsize: int | None = None, prior: Prior | None = None) -> Pycma:
    return Pycma(setting(weights(dimension), seed=seed, workers=3, prior=prior), PycmaOptions(popsize))


@pytest.mark.parametrize("dimension", [1, 2, 12, 40])
def test_it_approaches_the_optimum(dimension: int) -> None:
    search = build(dimension)
    drive(search, candidates=720, in_flight=3)
    assert bowl(search.center()) > 0.05 * bowl(np.zeros(dimension))


def test_only_points_in_flight_are_stale() -> None:
    """With two in flight, a result changes the point after next; nevergrad's own CMA would need a generation."""
    told, opposite = build(popsize=4), build(popsize=4)
    for search, sign in ((told, 1.0), (opposite, -1.0)):
        for proposal in [search.ask() for _ in range(5)][:4]:
            assert proposal is not None
            search.tell(proposal, scored(sign * bowl(proposal.point)))
    first, second = told.ask(), opposite.ask()
    assert first is not None
    assert second is not None
    assert not np.array_equal(first.point, second.point)


def test_numpys_global_state_and_other_searches_change_nothing() -> None:
    one, other = build(), build()
    points = []
    for _ in range(30):
        np.random.seed(0)
        first, second = one.ask(), other.ask()
        assert first is not None
        assert second is not None
        points.append((first.point, second.point))
        np.random.standard_normal(5)
        one.tell(first, scored(bowl(first.point)))
        other.tell(second, scored(bowl(second.point)))
    assert all(np.array_equal(*pair) for pair in points)
    assert not np.array_equal(build(seed=2).ask().point, points[0][0])  # type: ignore[union-attr]


def test_plateaus_neither_stop_nor_restart_the_search() -> None:
    search = build(popsize=6)
    drive(search, candidates=60)
    before = search.center()
    assert np.linalg.norm(before) > 1
    drive(search, lambda point: 0.25, candidates=120)
    # A restart would put the mean back to the origin; a random walk on a plateau stays around where it was.
    assert np.linalg.norm(search.center() - before) < np.linalg.norm(before)


def test_infeasible_candidates_rank_last() -> None:
    search = build(2, popsize=8)
    drive(search, lambda point: None if point[0] > 0.5 else float(point[0]), candidates=160)
    assert search.center()[0] < 0.7


def test_a_prior_is_where_it_starts_and_what_it_samples_from() -> None:
    prior = Prior(np.array([2.0, -1.0]), np.array([[0.1, 0.0], [1.0, 3.0]]), "a test")
    with_prior, without = build(2, prior=prior), build(2)
    assert np.array_equal(with_prior.center(), prior.mean)
    for _ in range(5):
        one, other = with_prior.ask(), without.ask()
        assert one is not None
        assert other is not None
        assert np.allclose(one.point, prior.mean + prior.factor @ other.point)


def test_three_hundred_dimensions_with_late_results() -> None:
    search = build(300)
    assert len(drive(search, candidates=100, in_flight=7).told) == 100
    assert search._strategy.countiter == 100 // search._strategy.popsize
