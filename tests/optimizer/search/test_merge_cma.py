"""MergeCMA on a simulated merge: items with logistic answers, workers that come back in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_merges import SimulatedMerge, drive

from evomerge.errors import SpecError
from optimizer.search.candidates import Candidate, contest, surely_worse
from optimizer.search.distribution import Distribution
from optimizer.search.interface import Prior, Scores, SearchItems
from optimizer.search.merge_cma import MergeCma, MergeCmaOptions, default_popsize
from optimizer.search.options import list_options, read_options

ABLATIONS = [
    {},
    {"rotate": False},
    {"bootstrap_weights": False},
    {"growing_population": True},
    {"growing_blocks": True},
    {"growing_blocks": True, "racing": True},
    {"asynchronous": "speculative"},
    {"asynchronous": "speculative", "growing_blocks": True, "racing": True},
    {"asynchronous": "barrier"},
    {"racing": True, "estimator": "pirt"},
    {"active": False},
    {"use_prior": False},
    {"confirm_mean": False},
    {"separable_above": 2},
    {"popsize": 7},
]


def progress(found):
    """Share of the way from start to best that several searches have gone together, from (merge, center) pairs."""
    starts = sum(merge.truth(np.zeros(len(merge.optimum))) for merge, _ in found)
    best = sum(merge.truth(merge.optimum) for merge, _ in found)
    return (sum(merge.truth(center) for merge, center in found) - starts) / (best - starts)


@pytest.mark.parametrize("options", ABLATIONS, ids=str)
@pytest.mark.parametrize("workers", [1, 6])
def test_every_combination_of_ingredients_climbs(options, workers):
    found = []
    for seed in range(3):
        merge = SimulatedMerge(4, seed=seed)
        setting = merge.setting(passes=25, workers=workers, seed=seed)
        search = MergeCma(setting, MergeCmaOptions(**options))
        drive(search, setting, lambda proposal, merge=merge, setting=setting: merge.scores(setting, proposal))
        found.append((merge, search.center()))
    assert progress(found) > 0.4


def test_it_needs_far_fewer_item_evaluations_than_scoring_everything_on_all_items():
    def gone(block_size, options, seed):
        merge = SimulatedMerge(20, seed=seed)
        setting = merge.setting(passes=30, block_size=block_size, seed=seed)
        search = MergeCma(setting, options)
        drive(search, setting, lambda proposal: merge.scores(setting, proposal))
        return merge, search.center()

    plain = MergeCmaOptions(bootstrap_weights=False, growing_population=False, active=False, popsize=12)
    blocks = [gone(16, MergeCmaOptions(), seed) for seed in range(5)]
    everything = [gone(96, plain, seed) for seed in range(5)]
    assert progress(blocks) > progress(everything) + 0.1


@given(
    seed=st.integers(0, 1000),
    order=st.integers(0, 1000),
    workers=st.integers(1, 9),
    asynchronous=st.sampled_from(["steady", "speculative", "barrier"]),
    racing=st.booleans(),
    broken=st.floats(0, 0.6),
)
@settings(max_examples=15, deadline=None)
def test_repeating_asks_and_tells_repeats_the_search(seed, order, workers, asynchronous, racing, broken):
    merge = SimulatedMerge(3)
    setting = merge.setting(passes=8, workers=workers, seed=seed)
    options = MergeCmaOptions(
        asynchronous=asynchronous, racing=racing, growing_blocks=racing, misranking_limit=0.05, popsize=6
    )

    def score(proposal):
        random = np.random.default_rng([seed, proposal.number])
        return None if random.random() < broken else merge.scores(setting, proposal)

    ledger = []

    class Recorded(MergeCma):
        def ask(self):
            proposal = super().ask()
            ledger.append(("ask", proposal))
            return proposal

        def tell(self, proposal, scores):
            ledger.append(("tell", (proposal, scores)))
            super().tell(proposal, scores)

    search = Recorded(setting, options)
    asked, _ = drive(search, setting, score, order)
    replayed = MergeCma(setting, options)
    for event, content in ledger:
        if event == "tell":
            replayed.tell(*content)
            continue
        proposal = replayed.ask()
        if content is None:
            assert proposal is None
            continue
        assert (proposal.number, proposal.block) == (content.number, content.block)
        np.testing.assert_array_equal(proposal.point, content.point)
    np.testing.assert_array_equal(replayed.center(), search.center())
    assert len({(one.number, one.block) for one in asked}) == len(asked)
    first_seen = list(dict.fromkeys(one.number for one in asked))
    assert first_seen == list(range(len(first_seen)))


@pytest.mark.parametrize("workers", [2, 16, 64])
@pytest.mark.parametrize("asynchronous", ["steady", "speculative"])
@pytest.mark.parametrize("racing", [False, True])
def test_no_worker_ever_waits_within_the_budget(workers, asynchronous, racing):
    merge = SimulatedMerge(6)
    setting = merge.setting(passes=40, workers=workers)
    options = MergeCmaOptions(asynchronous=asynchronous, racing=racing, growing_blocks=racing, misranking_limit=0.1)
    search = MergeCma(setting, options)
    spent, budget = 0, setting.item_evaluations
    flying, random = [], np.random.default_rng(0)
    while True:
        proposal = search.ask()
        if proposal is None:
            break
        spent += len(setting.items.blocks[proposal.block])
        flying.append(proposal)
        if len(flying) == workers:
            # One worker is far slower than all others: its result never comes back while the search lasts.
            told = flying.pop(int(random.integers(1, len(flying))))
            search.tell(told, merge.scores(setting, told))
    assert spent <= budget
    assert budget - spent < max(len(block) for block in setting.items.blocks)


def test_a_barrier_waits_for_its_generation():
    merge = SimulatedMerge(3)
    setting = merge.setting(workers=4)
    search = MergeCma(setting, MergeCmaOptions(asynchronous="barrier", popsize=6))
    proposals = [search.ask() for _ in range(6)]
    assert search.ask() is None
    for proposal in proposals[1:]:
        search.tell(proposal, merge.scores(setting, proposal))
    assert search.ask() is None
    search.tell(proposals[0], merge.scores(setting, proposals[0]))
    assert search.ask() is not None


@pytest.mark.parametrize("dimension", [2, 12])
def test_ties_everywhere_neither_stop_it_nor_make_it_explode(dimension):
    merge = SimulatedMerge(dimension)
    setting = merge.setting(passes=60)
    search = MergeCma(setting)

    def tied(proposal):
        positions = setting.items.blocks[proposal.block]
        return Scores(positions, np.zeros(len(positions)))

    asked, idle = drive(search, setting, tied)
    assert idle and len(asked) > 200
    assert 0.05 < search.distribution.sigma < 20
    assert np.all(np.isfinite(search.center()))


@pytest.mark.parametrize("dimension", [3, 12])
def test_infeasible_regions_are_left(dimension):
    merge = SimulatedMerge(dimension)
    merge.optimum = -np.abs(merge.optimum)
    setting = merge.setting(passes=40, workers=3)
    search = MergeCma(setting)
    asked, _ = drive(
        search, setting, lambda one: None if one.point[0] > 0.2 else merge.scores(setting, one), order_seed=1
    )
    early = np.mean([one.point[0] > 0.2 for one in asked[:30]])
    late = np.mean([one.point[0] > 0.2 for one in asked[-60:]])
    assert late < early
    assert search.center()[0] < 0.2


def test_a_search_without_a_feasible_candidate_stays_where_it_is():
    merge = SimulatedMerge(3)
    setting = merge.setting(passes=20)
    search = MergeCma(setting)
    asked, _ = drive(search, setting, lambda proposal: None)
    assert len(asked) > 50
    np.testing.assert_array_equal(search.center(), np.zeros(3))


def test_the_mean_is_scored_on_all_items_at_the_end():
    merge = SimulatedMerge(3)
    # Blocks of 16 and 17 items: the last one of the mean must still fit.
    merge.tasks, merge.difficulty = merge.tasks[:-1], merge.difficulty[:-1]
    setting = merge.setting(passes=20, block_size=15)
    asked, _ = drive(MergeCma(setting), setting, lambda proposal: merge.scores(setting, proposal))
    last = [one for one in asked if one.number == asked[-1].number]
    assert sorted(one.block for one in last) == list(range(len(setting.items.blocks)))
    short = merge.setting(passes=5)
    asked, _ = drive(MergeCma(short), short, lambda proposal: merge.scores(short, proposal))
    assert len([one for one in asked if one.number == asked[-1].number]) < len(short.items.blocks)


def test_candidates_of_a_generation_meet_the_same_block_and_generations_take_turns():
    merge = SimulatedMerge(3)
    setting = merge.setting(passes=None)
    search = MergeCma(setting, MergeCmaOptions(popsize=6, growing_population=False))
    asked, _ = drive(search, setting, lambda proposal: merge.scores(setting, proposal), most=36)
    blocks = [{one.block for one in asked[start : start + 6]} for start in range(0, 36, 6)]
    assert all(len(block) == 1 for block in blocks)
    assert set().union(*blocks) == set(range(len(setting.items.blocks)))


def test_growing_blocks_score_a_generation_on_more_items():
    merge = SimulatedMerge(3)
    setting = merge.setting(passes=40)
    options = MergeCmaOptions(growing_blocks=True, growing_population=False, misranking_limit=0.05)
    asked, _ = drive(MergeCma(setting, options), setting, lambda proposal: merge.scores(setting, proposal))
    numbers = [one.number for one in asked[:-20]]
    assert max(np.bincount(numbers)) > 1


def test_racing_saves_the_blocks_of_bad_candidates():
    def blocks_of_bad_and_good(racing):
        merge = SimulatedMerge(3)
        setting = merge.setting(passes=30)
        # A limit below every statistic grows the blocks of each generation: 1, 2, 4, 6.
        options = MergeCmaOptions(
            growing_blocks=True, growing_population=False, misranking_limit=-1, racing=racing, confirm_mean=False
        )

        def score(proposal):
            positions = setting.items.blocks[proposal.block]
            return Scores(positions, np.full(len(positions), float(proposal.number % 3 != 0)))

        asked, _ = drive(MergeCma(setting, options), setting, score)
        blocks = np.bincount([one.number for one in asked])
        bad = np.arange(len(blocks)) % 3 == 0
        return blocks[bad].mean(), blocks[~bad].mean()

    bad, good = blocks_of_bad_and_good(racing=True)
    assert bad == 1
    assert good > 2
    bad, good = blocks_of_bad_and_good(racing=False)
    assert bad > 2


def scored(number, values, block=0):
    candidate = Candidate(number, Distribution(np.zeros(1), separable=False).sample_of(np.zeros(1)), (block,))
    candidate.scores[block] = Scores(np.arange(len(values)) + block * len(values), np.array(values, dtype=float))
    return candidate


def test_surely_worse_needs_common_items_and_a_clear_difference():
    rival = scored(0, [1, 1, 1, 0] * 8)
    assert surely_worse(scored(1, [0, 0, 1, 0] * 8), rival, 0.05)
    assert not surely_worse(scored(1, [1, 1, 1, 0] * 7 + [0, 1, 1, 0]), rival, 0.05)
    assert not surely_worse(rival, scored(1, [0, 0, 1, 0] * 8), 0.05)
    assert not surely_worse(scored(1, [0] * 32, block=1), rival, 0.05)


def test_a_late_candidate_on_an_easy_block_does_not_win_by_it():
    items = SearchItems(np.zeros(64, dtype=np.intp), np.ones(1), (np.arange(32), np.arange(32, 64)))
    random = np.random.default_rng(0)
    # What an item takes to be answered; those of the first block take less.
    needed = random.normal(0.5, 0.25, 64) + np.repeat([-0.2, 0.2], 32)

    def candidate(number, block, quality):
        return scored(number, needed[32 * block : 32 * block + 32] < quality + random.normal(0, 0.1, 32), block)

    recent = [candidate(number, number % 2, random.normal(0.5, 0.1)) for number in range(40)]
    members = [candidate(40, 0, 0.35), *(candidate(number, 1, 0.55) for number in range(41, 51))]
    plain = [items.fitness(member.scores[index > 0]) for index, member in enumerate(members)]
    corrected = contest(members, recent, items).fitness
    assert plain[0] > np.median(plain[1:])
    assert corrected[0] < np.median(corrected[1:])


def test_a_prior_gives_the_first_mean_and_shape():
    merge = SimulatedMerge(12)
    prior = Prior(np.full(12, 3.0), np.diag(np.linspace(0.1, 2.0, 12)), "test")
    setting = merge.setting(passes=None, prior=prior)
    search = MergeCma(setting, MergeCmaOptions(popsize=1000))
    points = np.array([search.ask().point for _ in range(1000)])
    np.testing.assert_allclose(points.mean(axis=0), prior.mean, atol=0.3)
    np.testing.assert_allclose(points.std(axis=0), np.diag(prior.factor), rtol=0.15)
    without = MergeCma(setting, MergeCmaOptions(use_prior=False))
    np.testing.assert_array_equal(without.center(), np.zeros(12))


def test_a_good_prior_saves_evaluations():
    def truth(prior, seed):
        merge = SimulatedMerge(20, seed=seed)
        good = Prior(0.7 * merge.optimum, 0.5 * np.eye(20), "test") if prior else None
        setting = merge.setting(passes=8, prior=good, seed=seed)
        search = MergeCma(setting)
        drive(search, setting, lambda proposal: merge.scores(setting, proposal))
        return merge.truth(search.center())

    assert np.mean([truth(True, seed) for seed in range(4)]) > np.mean([truth(False, seed) for seed in range(4)])


def test_narrow_ranges_bound_the_spread():
    merge = SimulatedMerge(3)
    search = MergeCma(merge.setting(limit=0.5))
    assert np.all(search.distribution.deviations <= 0.5 + 1e-12)


@pytest.mark.parametrize("dimension", [1, 2, 20, 64])
def test_default_popsize(dimension):
    assert 4 <= default_popsize(dimension) < default_popsize(dimension + 10)


@pytest.mark.parametrize(("dimension", "workers", "grows"), [(20, 22, True), (20, 23, False), (64, 1, False)])
def test_populations_grow_in_few_dimensions_with_few_workers(dimension, workers, grows):
    merge = SimulatedMerge(dimension)
    setting = merge.setting(workers=workers)
    search = MergeCma(setting, MergeCmaOptions(growing_population=True, misranking_limit=0.0))
    first = search.popsize
    drive(search, setting, lambda proposal: merge.scores(setting, proposal))
    assert (search.popsize > first) == grows


@pytest.mark.parametrize(
    ("option", "value"),
    [("popsize", 1), ("misranking_limit", 2.0), ("racing_level", 0.9), ("asynchronous", "never"), ("estimator", "x")],
)
def test_options_out_of_range_are_refused_by_name(option, value):
    with pytest.raises(SpecError, match=rf"search\.options\.{option}"):
        read_options("merge-cma", MergeCmaOptions, {option: value})


def test_every_option_has_words_for_it():
    assert all(option.doc for option in list_options(MergeCmaOptions))
