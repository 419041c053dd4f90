"""Expected rank weights: a certain ranking keeps its weights, noise evens them out, ties share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optimizer.search.distribution import log_weights
from optimizer.search.interface import Scores, SearchItems
from optimizer.search.rank_weights import Contest, expected_rank_weights, misranking, rank_weights


def contest(values):
    return Contest(values, np.ones(values.shape, dtype=bool), np.zeros(values.shape[1], dtype=np.intp), np.ones(1))


def test_without_noise_expected_weights_are_the_weights_of_the_ranks():
    quality = np.array([0.3, 0.9, 0.1, 0.5, 0.7, 0.2])
    difficulty = np.random.default_rng(0).normal(size=32)
    # Items differ, but by the same amount for every candidate: a paired resample cannot change the order.
    table = contest(quality[:, None] + difficulty)
    resampled = table.resampled(200, np.random.default_rng(1))
    by_rank = log_weights(6)
    expected = expected_rank_weights(resampled, by_rank)
    np.testing.assert_allclose(expected, rank_weights(quality, by_rank))
    assert misranking(table.fitness, resampled) == 0.0


def test_noise_draws_the_weights_together():
    random = np.random.default_rng(0)
    table = contest((random.random((10, 32)) < 0.5).astype(float))
    resampled = table.resampled(400, random)
    expected = expected_rank_weights(resampled, log_weights(10))
    assert expected.max() < log_weights(10).max() * 0.8
    assert misranking(table.fitness, resampled) > 0.12


@pytest.mark.parametrize(("gap", "below"), [(0.0, 0.5), (0.2, 0.2), (1.0, 0.02)])
def test_misranking_falls_with_the_distance_between_candidates(gap, below):
    random = np.random.default_rng(0)
    values = gap * np.arange(6)[:, None] + 0.5 * random.normal(size=(6, 64))
    table = contest(values)
    assert misranking(table.fitness, table.resampled(200, random)) < below


@given(
    values=arrays(float, st.tuples(st.integers(2, 12), st.integers(1, 20)), elements=st.sampled_from([0.0, 0.5, 1.0])),
    seed=st.integers(0, 1000),
    active=st.booleans(),
)
def test_expected_weights_keep_their_sum(values, seed, active):
    table = contest(values)
    by_rank = log_weights(len(values), active=active)
    expected = expected_rank_weights(table.resampled(20, np.random.default_rng(seed)), by_rank)
    assert expected.sum() == pytest.approx(by_rank.sum(), abs=1e-9)
    assert by_rank.min() - 1e-9 <= expected.min()
    assert expected.max() <= by_rank.max() + 1e-9


def test_ties_share_their_ranks_even_where_sums_differ_in_the_last_bit():
    by_rank = log_weights(4)
    weights = rank_weights(np.array([0.1 + 0.2, 0.3, 0.9, -1.0]), by_rank)
    assert weights[0] == weights[1] == pytest.approx((by_rank[1] + by_rank[2]) / 2)
    np.testing.assert_allclose(rank_weights(np.zeros(4), by_rank), 0.25)


def test_infeasible_candidates_rank_last_in_every_draw():
    values = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    seen = np.ones((3, 3), dtype=bool)
    seen[1] = False
    table = Contest(values, seen, np.zeros(3, dtype=np.intp), np.ones(1))
    assert table.fitness[1] == -np.inf
    resampled = table.resampled(50, np.random.default_rng(0))
    assert np.all(resampled[:, 1] == -np.inf)
    assert expected_rank_weights(resampled, log_weights(3))[1] == log_weights(3)[2]
    assert 0 <= misranking(table.fitness, resampled) <= 0.5


def test_candidates_with_different_items_keep_their_own_mean():
    values = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    seen = np.array([[True, True, False, False], [False, False, True, True]])
    table = Contest(values, seen, np.zeros(4, dtype=np.intp), np.ones(1))
    np.testing.assert_allclose(table.fitness, [1.0, 0.5])
    np.testing.assert_allclose(table.resampled(50, np.random.default_rng(0)), np.tile([1.0, 0.5], (50, 1)))


@pytest.mark.parametrize("floors", [None, np.array([0.4, np.nan, 0.7])])
def test_fitness_is_the_fitness_of_the_search_items(floors):
    random = np.random.default_rng(0)
    tasks = random.integers(3, size=40)
    items = SearchItems(tasks, np.array([1.0, 2.0, 0.5]), (np.arange(40),), floors)
    values = random.random((5, 40))
    table = Contest(values, np.ones((5, 40), dtype=bool), tasks, items.weights, floors)
    expected = [items.fitness(Scores(np.arange(40), row)) for row in values]
    np.testing.assert_allclose(table.fitness, expected)
    assert abs(np.mean(table.resampled(500, random)[:, 0]) - expected[0]) < 0.6
