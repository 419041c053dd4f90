"""MergeCMA with restarts: what it finds, what it leaves alone, and what it spends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from simulated_merges import SimulatedMerge, drive

from optimizer.search.catalog import make_search
from optimizer.search.interface import Coordinate, Prior, Scores
from optimizer.search.merge_cma import MergeCma, MergeCmaOptions
from optimizer.search.restarts import RestartedMergeCma

RESTARTS = MergeCmaOptions(restarts=True, popsize=4)


class DeceptiveMerge(SimulatedMerge):
    """A hill at the start, and a higher one out of its sight."""

    far = 7.0

    def chances(self, point):
        near = 0.5 - 0.5 * np.sum(point**2)
        far = 3 - 0.5 * np.sum((point - self.far) ** 2)
        return expit(max(near, far) - self.difficulty)

    def setting(self, **changes):
        corner = (Coordinate("weight", None, 0.0, 1.0, -3.0, 10.0),) * len(self.optimum)
        return replace(super().setting(**changes), coordinates=corner)


def tied(setting):
    def score(proposal):
        positions = setting.items.blocks[proposal.block]
        return Scores(positions, np.zeros(len(positions)))

    return score


def test_a_hill_that_one_run_does_not_find_is_found():
    def reaches(restarts, seed):
        merge = DeceptiveMerge(2, seed=seed)
        setting = merge.setting(passes=400, seed=seed)
        search = make_search("merge-cma", setting, {"restarts": restarts})
        drive(search, setting, lambda proposal: merge.scores(setting, proposal))
        return bool(np.all(np.abs(search.center() - merge.far) < 1.5))

    assert not any(reaches(False, seed) for seed in range(3))
    assert sum(reaches(True, seed) for seed in range(3)) >= 2


@pytest.mark.parametrize("asynchronous", ["steady", "speculative", "barrier"])
@pytest.mark.parametrize("workers", [1, 5])
def test_without_a_restart_it_is_merge_cma(asynchronous, workers):
    merge = SimulatedMerge(6)
    setting = merge.setting(passes=20, workers=workers)
    options = MergeCmaOptions(asynchronous=asynchronous)
    searches = MergeCma(setting, options), RestartedMergeCma(setting, options)
    alone, wrapped = (drive(one, setting, lambda proposal: merge.scores(setting, proposal))[0] for one in searches)
    assert [(one.number, one.block) for one in alone] == [(one.number, one.block) for one in wrapped]
    np.testing.assert_array_equal([one.point for one in alone], [one.point for one in wrapped])
    np.testing.assert_array_equal(searches[0].center(), searches[1].center())


def test_a_run_that_climbs_is_left_alone():
    merge = SimulatedMerge(20)
    setting = merge.setting(passes=200)

    def endless(proposal):
        positions = setting.items.blocks[proposal.block]
        return Scores(positions, np.full(len(positions), float(proposal.point.sum())))

    asked, _ = drive(RestartedMergeCma(setting, MergeCmaOptions(restarts=True)), setting, endless)
    blocks = np.bincount([one.number for one in asked])
    # The only mean that is scored is the last.
    assert np.flatnonzero(blocks == len(setting.items.blocks)).tolist() == [len(blocks) - 1]


def test_a_distribution_that_collapses_ends_its_run_before_it_stagnates():
    merge = SimulatedMerge(2)
    setting = merge.setting(passes=400)

    def exact(proposal):
        positions = setting.items.blocks[proposal.block]
        return Scores(positions, np.full(len(positions), -float(np.sum((proposal.point - 1) ** 2))))

    search = RestartedMergeCma(setting, MergeCmaOptions(restarts=True))
    asked, _ = drive(search, setting, exact)
    popsize = MergeCma(setting).popsize
    blocks = np.bincount([one.number for one in asked])
    (means,) = np.nonzero(blocks == len(setting.items.blocks))
    assert means[0] < 40 * popsize
    np.testing.assert_allclose(search.center(), [1, 1], atol=0.01)


@given(
    seed=st.integers(0, 1000),
    order=st.integers(0, 1000),
    workers=st.integers(1, 9),
    asynchronous=st.sampled_from(["steady", "speculative", "barrier"]),
    broken=st.sampled_from([0.0, 0.2]),
)
@settings(max_examples=6, deadline=None)
def test_repeating_asks_and_tells_repeats_the_search(seed, order, workers, asynchronous, broken):
    merge = DeceptiveMerge(2, items=48)
    setting = merge.setting(passes=200, workers=workers, seed=seed, block_size=16)
    options = replace(RESTARTS, asynchronous=asynchronous)

    def score(proposal):
        random = np.random.default_rng([seed, proposal.number])
        return None if random.random() < broken else merge.scores(setting, proposal)

    ledger = []

    class Recorded(RestartedMergeCma):
        def ask(self):
            proposal = super().ask()
            # As in the record, an ask that gave nothing is not there to be repeated.
            if proposal is not None:
                ledger.append((proposal, None, False))
            return proposal

        def tell(self, proposal, scores):
            ledger.append((proposal, scores, True))
            super().tell(proposal, scores)

    search = Recorded(setting, options)
    asked, _ = drive(search, setting, score, order)
    replayed = RestartedMergeCma(setting, options)
    for proposal, scores, told in ledger:
        if told:
            replayed.tell(proposal, scores)
            continue
        again = replayed.ask()
        assert (again.number, again.block) == (proposal.number, proposal.block)
        np.testing.assert_array_equal(again.point, proposal.point)
    np.testing.assert_array_equal(replayed.center(), search.center())
    spent = sum(len(setting.items.blocks[one.block]) for one in asked)
    assert spent <= setting.item_evaluations
    assert len({(one.number, one.block) for one in asked}) == len(asked)
    first_seen = list(dict.fromkeys(one.number for one in asked))
    assert first_seen == list(range(len(first_seen)))


@pytest.mark.parametrize("workers", [1, 8])
def test_the_budget_is_spent_and_the_result_scored_on_all_items(workers):
    merge = SimulatedMerge(2)
    setting = merge.setting(passes=300, workers=workers)
    search = RestartedMergeCma(setting, RESTARTS)
    asked, _ = drive(search, setting, tied(setting))
    left = setting.item_evaluations - sum(len(setting.items.blocks[one.block]) for one in asked)
    assert 0 <= left < max(len(block) for block in setting.items.blocks)
    whole = [number for number, count in enumerate(np.bincount([one.number for one in asked])) if count == 6]
    # Ties are no progress: at most 40 generations of 4, of 8, and of 16 if not of 32 as well.
    assert len(whole) in (3, 4)
    points = {one.number: one.point for one in asked}
    # Of equal means the first wins, which is near the start.
    np.testing.assert_array_equal(search.center(), points[whole[0]])


def test_populations_double_from_starts_all_over_the_ranges():
    merge = SimulatedMerge(2)
    setting = merge.setting(passes=None, limit=10.0, prior=Prior(np.full(2, -9.0), 0.1 * np.eye(2), "test"))
    search = RestartedMergeCma(setting, RESTARTS)
    asked, _ = drive(search, setting, tied(setting), most=(40 * (4 + 8 + 16) + 3 * 6) + 100)
    whole = [number for number, count in enumerate(np.bincount([one.number for one in asked])) if count == 6]
    # Among ties the distribution wanders, so a run may collapse before its 40 generations are over.
    generations = np.diff([-1, *whole])[:3] // [4, 8, 16]
    assert np.all((generations > 20) & (generations <= 40))
    points = {one.number: one.point for one in asked}
    starts = [np.mean([points[n] for n in range(number + 1, number + 9)], axis=0) for number in [-1, *whole]]
    assert min(np.linalg.norm(one - starts[0]) for one in starts[1:]) > 1
    # The prior's shape stays.
    assert np.std([points[n] for n in range(whole[0] + 1, whole[0] + 9)], axis=0).max() < 0.5


def test_a_mean_that_cannot_be_scored_is_no_result():
    merge = SimulatedMerge(2)
    setting = merge.setting(passes=300)
    search = RestartedMergeCma(setting, RESTARTS)
    seen: set[int] = set()
    lost: list[int] = []

    def score(proposal):
        # Only means are scored on a second block here.
        if proposal.number in seen and not lost:
            lost.append(proposal.number)
        seen.add(proposal.number)
        return None if proposal.number in lost else tied(setting)(proposal)

    asked, _ = drive(search, setting, score)
    blocks = np.bincount([one.number for one in asked])
    assert blocks[lost[0]] == 2
    (second, *_) = np.flatnonzero(blocks == len(setting.items.blocks))
    points = {one.number: one.point for one in asked}
    np.testing.assert_array_equal(search.center(), points[second])
