"""P-IRT: recovers a response model, beats plain means, and says why where it cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from optimizer.search.blocks import cut_blocks
from optimizer.search.estimates import Observations, effect_estimates, task_parts
from optimizer.search.interface import Scores, SearchItems
from optimizer.search.irt import fit_responses, pirt_estimates


def search_items(count, block_size=32):
    tasks = (np.arange(count) % 2).astype(np.intp)
    return SearchItems(tasks, np.ones(2), cut_blocks(tasks, block_size, 0))


def simulate(items, candidates, seed):
    random = np.random.default_rng(seed)
    ability = random.normal(size=candidates)
    discrimination = np.exp(0.4 * random.normal(size=items.count))
    difficulty = 1.5 * random.normal(size=items.count)
    chances = expit(np.outer(ability, discrimination) - difficulty)
    return ability, difficulty, (random.random(chances.shape) < chances).astype(float)


def blocks_each(items, table, seed, count=1):
    random = np.random.default_rng(seed)
    chosen = [random.permutation(len(items.blocks))[:count] for _ in table]
    return [
        [Scores(items.blocks[b], row[items.blocks[b]]) for b in numbers]
        for row, numbers in zip(table, chosen, strict=True)
    ]


def error(estimates, items, table):
    truth = table @ items.item_weights(np.arange(items.count))
    return float(np.sqrt(np.mean((estimates.mean - truth) ** 2)))


def test_the_response_model_is_recovered():
    items = search_items(128, 64)
    ability, difficulty, table = simulate(items, 400, 0)
    part = task_parts(items, Observations.of(blocks_each(items, table, 0)))[0]
    model = fit_responses(part)
    assert np.corrcoef(model.ability, ability)[0, 1] > 0.85
    assert np.corrcoef(model.difficulty, difficulty[items.tasks == 0])[0, 1] > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_it_beats_plain_means_and_covers_the_truth(seed):
    items = search_items(128)
    _, _, table = simulate(items, 300, seed)
    scores = blocks_each(items, table, seed)
    truth = table @ items.item_weights(np.arange(items.count))
    estimates = pirt_estimates(items, Observations.of(scores))
    assert (estimates.method, estimates.note) == ("pirt", "")
    plain = np.array([items.fitness(parts[0]) for parts in scores])
    assert error(estimates, items, table) < 0.92 * np.sqrt(np.mean((plain - truth) ** 2))
    assert error(estimates, items, table) < 1.1 * error(effect_estimates(items, Observations.of(scores)), items, table)
    assert 0.85 < np.mean(np.abs(estimates.mean - truth) < 1.96 * estimates.deviation) <= 1


def test_the_reference_term_is_estimated_beside_the_answers():
    items = search_items(128)
    ability, _, table = simulate(items, 200, 0)
    values = table + 0.05 * np.tanh(ability)[:, None] - 0.05
    estimates = pirt_estimates(items, Observations.of(blocks_each(items, values, 0, count=2)))
    assert estimates.method == "pirt"
    assert error(estimates, items, values) < 0.06
    complete = pirt_estimates(items, Observations.of(blocks_each(items, values, 0, count=len(items.blocks))))
    np.testing.assert_allclose(complete.mean, values @ items.item_weights(np.arange(items.count)))
    np.testing.assert_allclose(complete.deviation, 0, atol=1e-6)


def test_graded_scores_fall_back_and_say_so():
    items = search_items(64)
    values = np.random.default_rng(0).random((50, 64))
    observations = Observations.of(blocks_each(items, values, 0))
    estimates = pirt_estimates(items, observations)
    assert estimates.method == "effects"
    assert "not right or wrong" in estimates.note
    np.testing.assert_array_equal(estimates.mean, effect_estimates(items, observations).mean)


@pytest.mark.parametrize(("candidates", "reason"), [(10, "10 candidates are too few"), (30, "scores per item")])
def test_small_tables_fall_back_and_say_so(candidates, reason):
    items = search_items(256)
    _, _, table = simulate(items, candidates, 0)
    estimates = pirt_estimates(items, Observations.of(blocks_each(items, table, 0)))
    assert estimates.method == "effects"
    assert reason in estimates.note


def test_items_that_everybody_solves_or_nobody_solves_stay_finite():
    items = search_items(64)
    _, _, table = simulate(items, 60, 0)
    table[:, ::4], table[:, 1::4] = 0.0, 1.0
    estimates = pirt_estimates(items, Observations.of(blocks_each(items, table, 0)))
    assert estimates.method == "pirt"
    assert np.all(np.isfinite(estimates.mean)) and np.all(np.isfinite(estimates.deviation))
    assert error(estimates, items, table) < 0.06
