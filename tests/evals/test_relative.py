"""Ratios to experts, and where there are none."""

from __future__ import annotations

import pytest
from scipy import stats

from evals.relative import normalized, ratio


def test_ratios_and_their_means() -> None:
    found = normalized({"a": 0.6, "b": 0.2, "c": 0.9}, {"a": 0.8, "b": 0.4, "c": 0.6})
    ratios = [0.75, 0.5, 1.5]
    assert list(found.tasks.values()) == pytest.approx(ratios)
    assert (found.mean, found.lowest) == pytest.approx((sum(ratios) / 3, 0.5))
    assert found.harmonic == pytest.approx(stats.hmean(ratios))


def test_small_and_negative_denominators_give_no_ratio() -> None:
    found = normalized({"a": 0.6, "b": 0.2, "c": -3.0}, {"a": 0.8, "b": 0.04, "c": -2.0})
    assert found.tasks == {"a": pytest.approx(0.75), "b": None, "c": None}
    assert (found.mean, found.lowest) == pytest.approx((0.75, 0.75))
    assert normalized({"b": 1.0}, {"b": 0.0}).mean is None
    assert normalized({"a": 0.0}, {"a": 0.5}).harmonic == 0.0
    assert ratio(0.05, 0.05) == 1.0
