"""The search distribution against pycma, and what noise, ties and priors must not do to it."""

from __future__ import annotations

import cma
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.search.distribution import Distribution, log_weights
from optimizer.search.rank_weights import rank_weights


def ellipsoid(point):
    exponents = np.arange(len(point)) / max(1, len(point) - 1)
    return float(np.sum(10 ** (4 * exponents) * point**2))


def sphere(point):
    return float(np.sum(point**2))


def evaluations_to(target, loss, dimension, seed, separable, active=False):
    random = np.random.default_rng(seed)
    distribution = Distribution(np.full(dimension, 3.0), separable=separable)
    population = 4 + int(3 * np.log(dimension))
    for generation in range(1, 3000):
        samples = [distribution.sample(random) for _ in range(population)]
        losses = np.array([loss(sample.point) for sample in samples])
        weights = rank_weights(-losses, log_weights(population, active=active))
        distribution.update(samples, weights)
        if losses.min() < target:
            return generation * population
    raise AssertionError("did not converge")


def pycma_evaluations_to(target, loss, dimension, seed, diagonal):
    options = {
        "seed": seed + 1,
        "verbose": -9,
        "ftarget": target,
        "CMA_diagonal": diagonal,
        "CMA_active": False,
        "tolfun": 0,
        "tolflatfitness": np.inf,
    }
    strategy = cma.CMAEvolutionStrategy(np.full(dimension, 3.0), 1.0, options)
    while not strategy.stop():
        points = strategy.ask()
        strategy.tell(points, [loss(point) for point in points])
    return strategy.countevals


@pytest.mark.parametrize(
    ("loss", "dimension", "separable"),
    [(sphere, 5, False), (sphere, 20, True), (ellipsoid, 5, False), (ellipsoid, 20, True)],
)
def test_it_needs_as_many_evaluations_as_pycma(loss, dimension, separable):
    ours = np.median([evaluations_to(1e-8, loss, dimension, seed, separable) for seed in range(7)])
    theirs = np.median([pycma_evaluations_to(1e-8, loss, dimension, seed, separable) for seed in range(9)])
    assert 0.6 < ours / theirs < 1.3


def test_a_full_covariance_solves_a_rotated_ellipsoid_that_a_diagonal_one_cannot_follow():
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]

    def rotated(point):
        return ellipsoid(rotation @ point)

    full = np.median([evaluations_to(1e-6, rotated, 5, seed, separable=False) for seed in range(5)])
    assert full < 5000
    with pytest.raises(AssertionError, match="did not converge"):
        evaluations_to(1e-6, rotated, 5, 0, separable=True)


def test_a_prior_factor_makes_an_ellipsoid_a_sphere():
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(20, 20)))[0]
    scales = 10 ** (2 * np.arange(20) / 19)
    factor = rotation.T / scales

    def generations(factor):
        random = np.random.default_rng(1)
        distribution = Distribution(rotation.T @ (3 / scales), separable=True, factor=factor)
        for generation in range(1200):
            samples = [distribution.sample(random) for _ in range(12)]
            losses = np.array([float(np.sum((scales * (rotation @ sample.point)) ** 2)) for sample in samples])
            if losses.min() < 1e-6:
                return generation
            weights = rank_weights(-losses, log_weights(12))
            distribution.update(samples, weights)
        return generation

    assert generations(factor) < 400
    assert generations(None) == 1199


@pytest.mark.parametrize("separable", [True, False])
def test_the_sample_of_a_foreign_point_undoes_a_sample(separable):
    random = np.random.default_rng(0)
    factor = random.normal(size=(6, 6))
    distribution = Distribution(random.normal(size=6), separable=separable, factor=factor, sigma=0.3)
    for _ in range(5):
        samples = [distribution.sample(random) for _ in range(8)]
        for sample in samples:
            found = distribution.sample_of(distribution.mean + 0.5 * (sample.point - distribution.mean))
            np.testing.assert_allclose(found.step, 0.5 * sample.step, rtol=1e-8, atol=1e-10)
        distribution.update(samples, log_weights(8))


@pytest.mark.parametrize("dimension", [2, 8, 30])
@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("lag", [0, 2])
def test_random_selection_changes_the_step_size_only_by_chance(dimension, active, lag):
    logs = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        distribution = Distribution(np.zeros(dimension), separable=dimension > 10)
        waiting = []
        for _ in range(30):
            waiting.append([distribution.sample(random) for _ in range(10)])
            if len(waiting) > lag:
                distribution.update(waiting.pop(0), log_weights(10, active=active))
        logs.append(np.log(distribution.sigma))
    # A random walk of the logarithm around 0: no drift beyond what 30 runs can tell, and no explosion.
    assert abs(np.mean(logs)) < 0.15 + 4 * np.std(logs) / np.sqrt(len(logs))
    assert np.std(logs) < 2.0


def test_a_far_point_is_brought_nearer_on_the_same_line():
    distribution = Distribution(np.ones(3), separable=False, sigma=0.1)
    direction = np.array([1.0, 2.0, -1.0])
    found = distribution.sample_of(1.0 + 1000 * direction)
    offset = found.point - 1.0
    np.testing.assert_allclose(offset / np.linalg.norm(offset), direction / np.linalg.norm(direction))
    assert np.linalg.norm(offset) < 0.1 * 4


def test_bad_steps_along_one_coordinate_leave_it_some_variance():
    distribution = Distribution(np.zeros(12), separable=True)
    samples = [distribution.sample_of(np.eye(12)[0] * (3 if index >= 3 else 0.1)) for index in range(6)]
    distribution.update(samples, log_weights(6, active=True))
    assert distribution.deviations[0] > 0.2 * distribution.deviations[1]


def test_late_bad_samples_do_not_push_the_mean():
    random = np.random.default_rng(0)
    distribution = Distribution(np.zeros(4), separable=False)
    samples = [distribution.sample(random) for _ in range(8)]
    weights = log_weights(8, active=True)
    distribution.update(samples, weights)
    better, mean = np.maximum(weights, 0), distribution.mean.copy()
    distribution.update(samples, weights)
    np.testing.assert_allclose(distribution.mean, better @ np.array([sample.point for sample in samples]))
    assert not np.allclose(mean, distribution.mean)


def test_late_samples_do_not_make_the_mean_overshoot():
    random = np.random.default_rng(0)
    distribution = Distribution(np.zeros(4), separable=False)
    samples = [distribution.sample(random) for _ in range(8)]
    distribution.update(samples, log_weights(8))
    mean = distribution.mean.copy()
    distribution.update(samples, log_weights(8))
    np.testing.assert_allclose(distribution.mean, mean)


def test_weights_of_zero_change_nothing():
    random = np.random.default_rng(0)
    distribution = Distribution(np.zeros(3), separable=False)
    samples = [distribution.sample(random) for _ in range(6)]
    distribution.update(samples, np.zeros(6))
    assert distribution.sigma == 1.0
    np.testing.assert_array_equal(distribution.mean, np.zeros(3))


@given(
    dimension=st.integers(1, 14),
    population=st.integers(2, 20),
    seed=st.integers(0, 2**31),
    active=st.booleans(),
    scale=st.floats(1e-3, 1e3),
)
@settings(max_examples=40, deadline=None)
def test_any_ranking_leaves_it_finite_and_within_its_limits(dimension, population, seed, active, scale):
    random = np.random.default_rng(seed)
    limits = np.full(dimension, 2.5)
    distribution = Distribution(np.zeros(dimension), separable=dimension > 10, limits=limits)
    for _ in range(15):
        drawn = [distribution.sample(random) for _ in range(population)]
        samples = [distribution.sample_of(scale * sample.point) for sample in drawn]
        # Always towards the longest steps, the ranking that makes a distribution explode.
        lengths = np.array([np.linalg.norm(sample.step) for sample in samples])
        distribution.update(samples, rank_weights(lengths, log_weights(population, active=active)))
        assert np.all(np.isfinite(distribution.mean))
        assert np.all(distribution.deviations <= limits * (1 + 1e-9))
        assert np.all(distribution.deviations > 0)


def test_initial_limits_hold_from_the_start():
    distribution = Distribution(np.zeros(3), separable=True, limits=np.array([0.5, 9.0, 9.0]))
    assert distribution.sigma == pytest.approx(0.5)


@pytest.mark.parametrize("count", [1, 2, 5, 12, 101])
def test_log_weights(count):
    weights = log_weights(count)
    assert weights.sum() == pytest.approx(1)
    assert np.all(np.diff(weights) <= 0)
    assert np.all(weights >= 0)
    active = log_weights(count, active=True)
    assert active[active > 0].sum() == pytest.approx(1)
    if count > 1:
        assert active[active < 0].sum() == pytest.approx(-0.5)
