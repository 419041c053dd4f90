"""Items chosen by column, difficulty or discrimination: shares are kept, and noise is told from signal."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import kendalltau

from evals.choosing import Responses, discrimination, ease, highest, stratified

ITEMS = tuple(f"item{number:03}" for number in range(120))


def answers(candidates: int, seen: float, seed: int = 0) -> tuple[Responses, np.ndarray, np.ndarray]:
    """Right and wrong answers of a 2PL population: a third of the items is guessed by all, a third is too hard."""
    rng = np.random.default_rng(seed)
    ability = rng.standard_normal(candidates)
    slope = np.array([(0.0, 1.5, 1.5)[number % 3] for number in range(len(ITEMS))])
    difficulty = np.array([(0.0, 0.0, 6.0)[number % 3] for number in range(len(ITEMS))])
    chance = 1 / (1 + np.exp(-(np.outer(ability, slope) - difficulty)))
    right = (rng.random(chance.shape) < chance).astype(float)
    # As in a race: better candidates meet more items, and only they meet the later ones.
    limit = len(ITEMS) * np.clip(seen + 0.3 * ability, 0.2, 1)
    scores = [(row, item, right[row, n]) for row in range(candidates) for n, item in enumerate(ITEMS) if n < limit[row]]
    return Responses.of(scores), right, ability


def test_discriminating_items_are_neither_guessed_nor_too_hard() -> None:
    found, _, _ = answers(300, seen=0.6)
    best = highest(ITEMS, discrimination(found), 40)
    assert sum(int(item[4:]) % 3 == 1 for item in best) >= 32


def test_they_rank_other_candidates_better_than_as_many_random_items() -> None:
    found, _, _ = answers(300, seen=0.6)
    _, right, ability = answers(80, seen=1.0, seed=1)
    best = [int(item[4:]) for item in highest(ITEMS, discrimination(found), 20)]
    rng = np.random.default_rng(2)
    drawn = [rng.choice(len(ITEMS), 20, replace=False) for _ in range(50)]
    taus = [kendalltau(right[:, items].mean(1), ability)[0] for items in (best, *drawn)]
    assert taus[0] > max(taus[1:])


def test_discrimination_is_variance_times_correlation_with_the_rest() -> None:
    rng = np.random.default_rng(3)
    table = rng.random((12, 5))
    found = discrimination(Responses.of((row, f"i{n}", table[row, n]) for row in range(12) for n in range(5)))
    for n in range(5):
        rest = np.delete(table, n, axis=1).mean(1)
        assert found[f"i{n}"] == pytest.approx(np.corrcoef(table[:, n], rest)[0, 1] * table[:, n].var())


def test_items_that_only_good_candidates_meet_do_not_look_easy() -> None:
    scores = [(row, f"i{n}", row / 10) for row in range(10) for n in range(4)]
    late = [(row, "late", row / 10) for row in range(7, 10)]
    level = ease(Responses.of(scores + late))
    assert level["late"] == pytest.approx(level["i0"], abs=0.02)
    assert math.isclose(level["i0"], 0.45, abs_tol=0.02)


def test_a_stratified_sample_keeps_every_share_to_within_one_item() -> None:
    kinds = {item: ("sums", "sums", "sums", "products", None)[number % 5] for number, item in enumerate(ITEMS)}
    sample = stratified(ITEMS, kinds, 32)
    assert len(set(sample)) == 32
    shares = Counter(kinds[item] for item in sample)
    for kind, count in Counter(kinds.values()).items():
        assert abs(shares[kind] - 32 * count / len(ITEMS)) <= 1
    numbers = {item: float(number) for number, item in enumerate(ITEMS)}
    spread = sorted(numbers[item] for item in stratified(ITEMS[::-1], numbers, 10))
    assert set(np.diff(spread)) == {12.0}
    assert stratified(ITEMS, kinds, len(ITEMS)) and set(stratified(ITEMS, kinds, len(ITEMS))) == set(ITEMS)
    with pytest.raises(ValueError, match="121 of 120"):
        stratified(ITEMS, kinds, 121)
