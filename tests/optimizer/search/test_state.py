"""What a search says of its distribution after every update."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_merges import SimulatedMerge, drive

from optimizer.search.catalog import make_search
from optimizer.search.distribution import Distribution, log_weights
from optimizer.search.interface import Coordinate
from optimizer.search.merge_cma import MergeCma, MergeCmaOptions
from optimizer.search.restarts import RestartedMergeCma
from optimizer.search.state import Traced, state_of

FREE = Coordinate("weight", None, 0.0, 1.0, -np.inf, np.inf)


def states(search, setting, score):
    """Run a search and return its state after every tell that moved it."""
    found = []

    def told(proposal, scores):
        before = search.updates
        type(search).tell(search, proposal, scores)
        if search.updates > before:
            found.append(search.state())

    search.tell = told
    drive(search, setting, score)
    return found


def test_it_follows_the_distribution_update_by_update():
    merge = SimulatedMerge(6)
    setting = merge.setting(passes=60, limit=1.0)
    search = MergeCma(setting, MergeCmaOptions(popsize=8))
    found = states(search, setting, lambda proposal: merge.scores(setting, proposal))
    assert [one.updates for one in found] == list(range(1, len(found) + 1)) and len(found) > 20
    last, own = found[-1], search.distribution
    assert last.sigma == own.sigma and last.deviations == tuple(own.deviations)
    assert last.eigenvalues == tuple(sorted(last.eigenvalues, reverse=True)) and len(last.eigenvalues) == 6
    # Without a prior, the variances of the coordinates are those of the axes.
    assert sum(last.eigenvalues) * own.sigma**2 == pytest.approx(sum(np.square(last.deviations)))
    assert last.axis_ratio == pytest.approx(np.sqrt(last.eigenvalues[0] / last.eigenvalues[-1]))
    assert last.expected_path_length == pytest.approx(np.sqrt(6), rel=0.05)
    # A range of one step to each side is left by many in the beginning.
    assert 0.1 < found[0].bound_hits < 1
    assert all(state.run == 0 for state in found)


def test_hits_and_spread_are_those_of_the_candidates_that_made_the_update():
    distribution = Distribution(np.array([1.0, 0.0]), separable=False)
    points = np.array([[3.0, 0.5], [1.0, -0.5], [1.0, 2.0], [0.0, 0.0]])
    limited = (replace(FREE, low=0.0, high=2.5), replace(FREE, low=-1.0, high=1.0))
    before = distribution.mean
    distribution.update([distribution.sample_of(point) for point in points], log_weights(4))
    # Points further out than samples usually are come back nearer, so the spread is looked at as they came.
    drawn = distribution.last.points
    state = state_of(distribution, limited)
    assert state.bound_hits == np.mean((drawn < [0, -1]) | (drawn > [2.5, 1])) > 0
    assert state.spread == pytest.approx(np.linalg.norm(drawn - before, axis=1).mean())
    kept = state.sigma
    distribution.update([distribution.sample_of(point) for point in points], np.zeros(4))
    assert (distribution.updates, state_of(distribution, limited).sigma) == (1, kept)


@pytest.mark.parametrize(("dimension", "values", "deviations"), [(16, 16, True), (64, 16, True), (65, 16, False)])
def test_many_coordinates_are_summed_up(dimension, values, deviations):
    distribution = Distribution(np.zeros(dimension), separable=dimension > 64)
    random = np.random.default_rng(0)
    for _ in range(3):
        distribution.update([distribution.sample(random) for _ in range(10)], log_weights(10))
    state = state_of(distribution, (FREE,) * dimension)
    assert (len(state.eigenvalues), state.deviations is not None) == (values, deviations)
    assert (state.eigenvalues[0], state.eigenvalues[-1]) == (
        pytest.approx(distribution.eigenvalues[0]),
        pytest.approx(distribution.eigenvalues[-1]),
    )


def test_json_has_six_digits_and_no_infinity():
    distribution = Distribution(np.zeros(2), separable=False)
    with pytest.raises(ValueError, match="never updated"):
        state_of(distribution, (FREE, FREE))
    distribution.update([distribution.sample(np.random.default_rng(0)) for _ in range(4)], log_weights(4))
    state = replace(state_of(distribution, (FREE, FREE)), sigma=1 / 3, axis_ratio=np.inf, eigenvalues=(2.0, np.nan))
    plain = state.to_dict()
    assert (plain["sigma"], plain["axis_ratio"], plain["eigenvalues"]) == (0.333333, None, [2.0, None])
    assert "updates" not in plain and "run" not in plain


def test_updates_are_counted_on_over_restarts():
    merge = SimulatedMerge(2)
    setting = merge.setting(passes=300)

    def tied(proposal):
        scores = merge.scores(setting, proposal)
        return replace(scores, values=np.zeros(len(scores.values)))

    search = RestartedMergeCma(setting, MergeCmaOptions(restarts=True, popsize=4))
    found = states(search, setting, tied)
    assert [one.updates for one in found] == list(range(1, len(found) + 1))
    runs = [one.run for one in found]
    assert runs == sorted(runs) and {0, 1} <= set(runs)
    # A new run starts with the steps of the first.
    first = runs.index(1)
    assert found[first].sigma == pytest.approx(found[0].sigma, rel=0.5)


def test_only_who_has_one_distribution_has_a_state():
    setting = SimulatedMerge(3).setting(block_size=96)
    assert isinstance(make_search("merge-cma", setting, {}), Traced)
    assert isinstance(make_search("merge-cma", setting, {"restarts": True}), Traced)
    assert not isinstance(make_search("pycma", setting, {}), Traced)
