"""Ranges of coordinates, and the bet of algorithms that keep no distribution."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from optimizer.search.box import Box
from optimizer.search.interface import Coordinate, Vector
from optimizer.search.posterior import best_by_posterior

finite = st.floats(-50, 50)


@given(st.lists(finite, min_size=3, max_size=3), st.floats(-5, 0), st.floats(0.5, 5))
def test_folding_reflects_at_both_ends(point: list[float], low: float, width: float) -> None:
    coordinates = (
        Coordinate("weight", None, 0.0, 1.0, low, low + width),
        Coordinate("weight", None, 0.0, 1.0, low, np.inf),
        Coordinate("weight", None, 0.0, 1.0, -np.inf, np.inf),
    )
    box = Box.of(coordinates)
    folded = box.fold(np.array(point))
    assert (folded >= box.low - 1e-9).all()
    assert (folded <= box.high + 1e-9).all()
    # A triangle wave in the range, computed another way.
    expected = low + width - abs((point[0] - low) % (2 * width) - width)
    assert np.isclose(folded[0], expected)
    assert np.isclose(folded[1], low + abs(point[1] - low))
    assert folded[2] == point[2]
    assert np.allclose(box.fold(folded), folded)


def test_a_box_is_in_steps_from_the_start() -> None:
    box = Box.of((Coordinate("weight", "a", 0.5, 0.1, 0.0, 1.5), Coordinate("weight", "b", 0.0, 1.0, -np.inf, 2.0)))
    assert np.allclose(box.low, [-5, -np.inf])
    assert np.allclose(box.high, [10, 2])
    assert np.allclose(box.finite().low, [-5, -10])
    assert np.allclose(box.clip(np.array([-7.0, 3.0])), [-5, 2])


def same(points: Vector) -> Vector:
    return points


def test_the_bet_is_better_than_the_luckiest_sample() -> None:
    bets, luckiest = [], []
    for seed in range(8):
        random = np.random.default_rng(seed)
        points = random.uniform(-3, 3, size=(80, 2))
        truth = -((points - 1) ** 2).sum(axis=1)
        values = truth + random.normal(0, 1.5, 80)
        found = best_by_posterior(points, values.tolist(), same)
        bets.append(-((found - 1) ** 2).sum())
        luckiest.append(truth[np.argmax(values)])
    assert np.mean(bets) > 0.5 * np.mean(luckiest)


def test_two_optima_far_apart_are_not_averaged() -> None:
    random = np.random.default_rng(1)
    points = np.concatenate([random.normal(side, 0.4, size=(30, 2)) for side in (-3.0, 3.0)])
    values = -((np.abs(points) - 3) ** 2).sum(axis=1)
    found = best_by_posterior(points, values.tolist(), same)
    assert np.linalg.norm(np.abs(found) - 3) < 0.7


def test_points_outside_are_judged_where_they_are_reflected_to() -> None:
    points = np.array([[0.0], [1.0], [5.2], [2.0], [3.0], [5.0], [0.9], [5.1]])
    box = Box(np.array([0.0]), np.array([3.0]))
    values = -((box.fold(points) - 1.0) ** 2).sum(axis=1)
    found = best_by_posterior(points, values.tolist(), box.fold)
    assert abs(box.fold(found)[0] - 1.0) < 0.2


def test_few_and_equal_scores() -> None:
    points = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(best_by_posterior(points[:1], [0.3], same), points[0])
    assert np.array_equal(best_by_posterior(points, [0.3, 0.3], same), points[0])
    assert np.array_equal(best_by_posterior(points, [0.1, 0.3], same), points[1])
