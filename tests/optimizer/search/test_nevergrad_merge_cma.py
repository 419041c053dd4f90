"""MergeCMA through nevergrad's own protocol."""

from __future__ import annotations

import nevergrad as ng
import numpy as np

from optimizer.search.nevergrad_merge_cma import MergeCMA


def optimizer(dimension=4, budget=400, workers=1, seed=0):
    space = ng.p.Array(shape=(dimension,))
    space.random_state.seed(seed)
    return ng.optimizers.registry["MergeCMA"](space, budget=budget, num_workers=workers)


def test_it_is_registered_and_recommends_its_mean():
    found = optimizer().minimize(lambda x: float(np.sum((x - 0.5) ** 2)))
    np.testing.assert_allclose(found.value, 0.5, atol=0.05)


def test_results_may_come_back_in_any_order():
    search, random = optimizer(workers=8), np.random.default_rng(0)
    flying = [search.ask() for _ in range(8)]
    for _ in range(400):
        done = flying.pop(int(random.integers(len(flying))))
        search.tell(done, float(np.sum((done.value - 0.5) ** 2)))
        flying.append(search.ask())
    np.testing.assert_allclose(search.provide_recommendation().value, 0.5, atol=0.1)


def test_it_repeats_itself():
    def points(seed):
        search = optimizer(seed=seed)
        asked = []
        for _ in range(30):
            candidate = search.ask()
            asked.append(candidate.value)
            search.tell(candidate, float(np.sum(candidate.value**2)))
        return np.array(asked)

    np.testing.assert_array_equal(points(1), points(1))
    assert not np.array_equal(points(1), points(2))


def test_ties_do_not_restart_it_and_foreign_points_are_taken():
    search = optimizer(workers=4)
    assert isinstance(search, MergeCMA)
    search.suggest(np.full(4, 0.3))
    for _ in range(100):
        search.tell(search.ask(), 1.0)
    foreign = search.parametrization.spawn_child(new_value=np.full(4, 0.2))
    search.tell(foreign, 0.0)
    assert np.all(np.isfinite(search.provide_recommendation().value))
