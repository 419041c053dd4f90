"""Fitness over all items from incomplete tables: the truth is recovered, and better than by plain means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.search.blocks import cut_blocks
from optimizer.search.estimates import Observations, effect_estimates, fit_effects
from optimizer.search.interface import Scores, SearchItems


def search_items(sizes, block_size=16, weights=None, floors=None):
    tasks = np.repeat(np.arange(len(sizes)), sizes).astype(np.intp)
    weights = np.ones(len(sizes)) if weights is None else np.array(weights, dtype=float)
    return SearchItems(tasks, weights, cut_blocks(tasks, block_size, 0), floors)


def simulate(items, candidates, seed, spread=0.05):
    """Right or wrong answers of similar candidates to items of very different difficulty, shape (candidates, items)."""
    random = np.random.default_rng(seed)
    chance = np.clip(random.beta(0.6, 0.6, size=items.count) + spread * random.normal(size=(candidates, 1)), 0, 1)
    return (random.random((candidates, items.count)) < chance).astype(float)


def one_block_each(items, table, seed):
    random = np.random.default_rng(seed)
    chosen = random.integers(len(items.blocks), size=len(table))
    return [[Scores(items.blocks[b], table[row, items.blocks[b]])] for row, b in enumerate(chosen)]


def fitness_of(items, table):
    weights = items.item_weights(np.arange(items.count))
    return table @ weights


@pytest.mark.parametrize("floors", [None, np.array([0.9, np.nan])])
def test_complete_candidates_have_their_exact_fitness(floors):
    items = search_items([30, 10], weights=[1, 3], floors=floors)
    table = simulate(items, 6, 0)
    everything = np.arange(items.count)
    estimates = effect_estimates(items, Observations.of([[Scores(everything, row)] for row in table]))
    np.testing.assert_allclose(estimates.mean, [items.fitness(Scores(everything, row)) for row in table])
    np.testing.assert_allclose(estimates.deviation, 0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_incomplete_blocks_are_judged_better_than_by_plain_means(seed):
    items = search_items([96, 32], weights=[1, 1])
    table = simulate(items, 300, seed)
    scores = one_block_each(items, table, seed)
    truth = fitness_of(items, table)
    plain = np.array([items.fitness(parts[0]) for parts in scores])
    estimates = effect_estimates(items, Observations.of(scores))
    ours, theirs = estimates.mean - truth, plain - truth
    assert np.sqrt(np.mean(ours**2)) < 0.7 * np.sqrt(np.mean(theirs**2))
    assert np.corrcoef(estimates.mean, truth)[0, 1] > np.corrcoef(plain, truth)[0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_deviations_cover_the_truth(seed):
    items = search_items([64, 64])
    table = simulate(items, 300, seed)
    estimates = effect_estimates(items, Observations.of(one_block_each(items, table, seed)))
    inside = np.abs(estimates.mean - fitness_of(items, table)) < 1.96 * estimates.deviation
    assert 0.85 < inside.mean() <= 1.0


def test_effects_are_recovered():
    random = np.random.default_rng(0)
    candidate, item = 0.3 * random.normal(size=80), 2 + random.normal(size=60)
    rows, columns = np.nonzero(random.random((80, 60)) < 0.3)
    values = candidate[rows] + item[columns] + 0.1 * random.normal(size=len(rows))
    effects = fit_effects(rows, columns, values, (80, 60))
    # The level belongs to the items, because candidate effects have mean 0.
    np.testing.assert_allclose(effects.candidate, candidate - candidate.mean(), atol=0.15)
    np.testing.assert_allclose(effects.item, item + candidate.mean(), atol=0.15)
    assert np.sqrt(effects.noise) == pytest.approx(0.1, rel=0.1)


def test_a_lucky_block_is_corrected():
    items = search_items([64])
    easy, hard = items.blocks[0], items.blocks[1]
    level = np.zeros(64)
    level[easy] = 0.5
    random = np.random.default_rng(0)
    # Everybody is scored on one of two blocks; number 0, slightly bad, met the easy one.
    scores = [[Scores(easy, level[easy] - 0.1 + 0.02 * random.normal(size=len(easy)))]]
    scores += [[Scores(hard, level[hard] + 0.02 * random.normal(size=len(hard)))] for _ in range(5)]
    for _ in range(5):
        both = np.concatenate([easy, hard])
        scores.append([Scores(both, level[both] + 0.02 * random.normal(size=len(both)))])
    estimates = effect_estimates(items, Observations.of(scores))
    assert items.fitness(scores[0][0]) > items.fitness(scores[1][0])
    assert estimates.mean[0] < estimates.mean[1:6].min()


def test_candidates_without_scores_get_the_prior():
    items = search_items([20, 20])
    table = simulate(items, 10, 0)
    scores = [[], *one_block_each(items, table, 0)]
    estimates = effect_estimates(items, Observations.of(scores))
    assert estimates.mean.min() <= estimates.mean[0] <= estimates.mean.max()
    assert estimates.deviation[0] >= estimates.deviation[1:].max()
    nothing = effect_estimates(items, Observations.of([[], []]))
    assert np.all(np.isfinite(nothing.mean)) and np.all(np.isfinite(nothing.deviation))


@given(
    candidates=st.integers(1, 8),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
    value=st.sampled_from([None, 0.0, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_any_table_gives_finite_estimates_that_repeat(candidates, sizes, seed, value):
    items = search_items(sizes, block_size=3)
    random = np.random.default_rng(seed)
    table = simulate(items, candidates, seed) if value is None else np.full((candidates, items.count), value)
    scores = []
    for row in table:
        chosen = [block for block in items.blocks if random.random() < 0.5]
        scores.append([Scores(block, row[block]) for block in chosen])
    first, second = (effect_estimates(items, Observations.of(scores)) for _ in range(2))
    np.testing.assert_array_equal(first.mean, second.mean)
    assert np.all(np.isfinite(first.mean)) and np.all(np.isfinite(first.deviation))
    if value is not None and any(scores):
        np.testing.assert_allclose(first.mean, value, atol=1e-4)
