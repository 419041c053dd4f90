"""Intervals and tests against scipy and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evals.statistics import (
    Interval,
    aggregate_interval,
    by_item,
    holm,
    interval,
    paired_comparison,
    summed_difference,
    summed_interval,
)
from evals.tasks import ItemRef, ItemScore
from evomerge.errors import InvalidInput


def scored(values: list[float], task: str = "t") -> dict[ItemRef, float]:
    return {ItemRef(task, f"{number:016x}"): value for number, value in enumerate(values)}


@pytest.mark.parametrize(("right", "n"), [(0, 10), (7, 10), (200, 200), (1, 1)])
def test_binary_intervals_are_wilsons(right: int, n: int) -> None:
    found = interval([1.0] * right + [0.0] * (n - right))
    z = stats.norm.ppf(0.975)
    share = right / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert (found.mean, found.low, found.high) == pytest.approx((share, centre - reach, centre + reach))


def test_other_intervals_are_students() -> None:
    values = list(np.random.default_rng(0).normal(3, 2, 40))
    found = interval(values)
    low, high = stats.t.interval(0.95, 39, loc=np.mean(values), scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), low, high))
    assert interval([0.5, 0.5]).low == interval([0.5]).high == 0.5
    with pytest.raises(InvalidInput):
        interval([])


@pytest.mark.parametrize("binary", [True, False])
def test_sums_say_what_scores_say(binary: bool) -> None:
    random = np.random.default_rng(1)
    values = random.integers(0, 2, 30).astype(float) if binary else random.normal(0.5, 2, 30)
    found = summed_interval(30, float(values.sum()), float((values**2).sum()), binary=binary)
    known = interval(values.tolist())
    assert (found.mean, found.low, found.high) == pytest.approx((known.mean, known.low, known.high))
    with pytest.raises(InvalidInput):
        summed_interval(0, 0.0, 0.0, binary=binary)


def test_intervals_of_shares_stay_between_0_and_1() -> None:
    nearly_all = [1.0] * 8 + [0.4]
    found = interval(nearly_all)
    assert stats.t.interval(0.95, 8, loc=np.mean(nearly_all), scale=stats.sem(nearly_all))[1] > found.high == 1
    assert interval([1 - one for one in nearly_all]).low == 0
    summed = summed_interval(9, sum(nearly_all), sum(one**2 for one in nearly_all), binary=False)
    assert (summed.low, summed.high) == pytest.approx((found.low, 1))
    # Scores of another kind have no such ends.
    assert interval([1.0] * 8 + [2.0]).high > 1


def difference_of(a: np.ndarray, b: np.ndarray, *, binary: bool) -> Interval:
    sums = [(float(one.sum()), float((one**2).sum())) for one in (a, b)]
    return summed_difference(len(a), *sums, float((a * b).sum()), binary=binary)


def test_difference_of_continuous_scores_is_students_of_the_pairs() -> None:
    random = np.random.default_rng(2)
    a = random.normal(0.5, 1, 50)
    b = 0.7 * a + random.normal(0, 0.5, 50)
    found, known = difference_of(a, b, binary=False), interval((a - b).tolist())
    assert (found.mean, found.low, found.high) == pytest.approx((known.mean, known.low, known.high))


def test_difference_of_binary_scores_covers_the_truth() -> None:
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        luck = random.random(40)  # the same items are hard for both
        found = difference_of(
            (luck < 0.9).astype(float), (luck + 0.2 * random.random(40) < 0.9).astype(float), binary=True
        )
        hits += found.low <= 0.1 <= found.high
    assert 0.94 <= hits / 2000 <= 0.98
    ones = np.ones(10)
    same = difference_of(ones, ones, binary=True)
    assert same.mean == 0 and same.low < 0 < same.high


def test_aggregate_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        scores = {
            "a": list((rng.random(60) < 0.9).astype(float)),
            "b": list((rng.random(40) < 0.4).astype(float)),
        }
        found = aggregate_interval(scores, {"a": 1.0, "b": 3.0})
        assert found.mean == pytest.approx((np.mean(scores["a"]) + 3 * np.mean(scores["b"])) / 4)
        hits += found.low <= (0.9 + 3 * 0.4) / 4 <= found.high
    assert 0.91 <= hits / 300 <= 0.99


def test_aggregate_of_one_task_is_its_interval_and_weights_are_checked() -> None:
    assert aggregate_interval({"a": [1, 0, 1]}, {"a": 2.0}) == interval([1, 0, 1])
    for weights in ({}, {"a": 0.0}, {"b": 1.0}):
        with pytest.raises(InvalidInput, match="weights"):
            aggregate_interval({"a": [1, 0, 1]}, weights)


@pytest.mark.parametrize(("wins", "losses", "ties"), [(14, 4, 60), (5, 5, 3), (3, 0, 100), (40, 20, 0)])
def test_one_binary_task_gives_the_exact_mcnemar_test(wins: int, losses: int, ties: int) -> None:
    a = scored([1.0] * wins + [0.0] * losses + [1.0] * ties)
    b = scored([0.0] * wins + [1.0] * losses + [1.0] * ties)
    found = paired_comparison(a, b, {"t": 1.0})
    exact = stats.binomtest(wins, wins + losses).pvalue
    error = 4 * np.sqrt(exact * (1 - exact) / 10_000) + 1e-3
    assert found.p_value == pytest.approx(exact, abs=error)
    assert (found.wins, found.losses, found.n) == (wins, losses, wins + losses + ties)
    assert found.difference == pytest.approx((wins - losses) / found.n)


def test_bootstrap_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random(80), rng.random(80) * 0.8
    found = paired_comparison(scored(list(a)), scored(list(b)), {"t": 1.0})
    theirs = stats.bootstrap((a - b,), np.mean, method="percentile", n_resamples=10_000, rng=3)
    low, high = theirs.confidence_interval
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_tasks_are_strata_with_weights() -> None:
    a = {**scored([1.0] * 90 + [0.0] * 10, "big"), **scored([0.0] * 10, "small")}
    b = {**scored([0.0] * 100, "big"), **scored([1.0] * 10, "small")}
    even = paired_comparison(a, b, {"big": 1.0, "small": 1.0})
    assert even.difference == pytest.approx(0.5 * 0.9 - 0.5)
    tilted = paired_comparison(a, b, {"big": 9.0, "small": 1.0})
    assert tilted.difference == pytest.approx(0.9 * 0.9 - 0.1)
    # The small task always differs by one, so only the big one's items can move the bootstrap.
    assert tilted.high - tilted.low == pytest.approx(0.9 * 2 * 1.96 * np.sqrt(0.9 * 0.1 / 100), rel=0.1)


def test_equal_models_and_no_randomness() -> None:
    rng = np.random.default_rng(4)
    a, b = scored(list(rng.random(30))), scored(list(rng.random(30)))
    same = paired_comparison(a, a, {"t": 1.0})
    assert (same.difference, same.low, same.high, same.p_value, same.wins, same.losses) == (0, 0, 0, 1, 0, 0)
    assert paired_comparison(a, b, {"t": 1.0}) == paired_comparison(dict(reversed(a.items())), b, {"t": 1.0})
    swapped = paired_comparison(b, a, {"t": 1.0})
    assert swapped.difference == pytest.approx(-paired_comparison(a, b, {"t": 1.0}).difference)


def test_p_values_of_equal_models_are_uniform_enough() -> None:
    rng = np.random.default_rng(5)
    p_values = [
        paired_comparison(
            scored(list(rng.random(25))), scored(list(rng.random(25))), {"t": 1.0}, draws=500, seed=run
        ).p_value
        for run in range(200)
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.1
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_comparisons_need_the_same_items() -> None:
    with pytest.raises(InvalidInput, match="3 items, the other 2, and 2 are common"):
        paired_comparison(scored([1, 0, 1]), scored([1, 0]), {"t": 1.0})
    with pytest.raises(InvalidInput):
        paired_comparison({}, {}, {"t": 1.0})


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_by_item_keys() -> None:
    assert by_item([ItemScore("t", "00", 0.5, None, None)]) == {ItemRef("t", "00"): 0.5}
