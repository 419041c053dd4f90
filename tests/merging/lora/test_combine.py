"""Low-rank algebra against dense matrices in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merging.lora.combine import concatenated, distance, leading, low_rank, norm, truncated
from merging.operators.inputs import Factors

SHAPES = st.sampled_from([(9, 7), (5, 12), (6, 6), (30, 4)])


def factors(seed: int, shape: tuple[int, int], rank: int) -> Factors:
    generator = torch.Generator().manual_seed(seed)
    return Factors(torch.randn(shape[0], rank, generator=generator), torch.randn(rank, shape[1], generator=generator))


def dense(one: Factors) -> Tensor:
    return one.b.double() @ one.a.double()


def best(matrix: Tensor, rank: int) -> Tensor:
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vh[:rank]


@given(st.integers(0, 99), SHAPES, st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=4))
@settings(max_examples=20)
def test_concatenation_is_the_weighted_sum(seed: int, shape: tuple[int, int], coefficients: list[float]) -> None:
    terms = [(one, factors(seed + index, shape, index + 1)) for index, one in enumerate(coefficients)]
    found = concatenated(terms)
    expected = sum(one * dense(term) for one, term in terms)
    torch.testing.assert_close(dense(found), expected, atol=1e-5, rtol=1e-5)
    counted = sum(term.a.shape[0] for one, term in terms if one)
    assert found.a.shape[0] == (counted or terms[0][1].a.shape[0])


@given(st.integers(0, 99), SHAPES, st.integers(1, 9))
@settings(max_examples=25)
def test_truncation_is_the_best_of_its_rank(seed: int, shape: tuple[int, int], rank: int) -> None:
    wide = concatenated([(1.0, factors(seed, shape, 3)), (0.7, factors(seed + 1, shape, 2))])
    expected = best(dense(wide), rank)
    for found in (truncated(wide, rank), low_rank(dense(wide).float(), rank)):
        assert found.a.shape[0] <= min(rank, *shape, 5)
        torch.testing.assert_close(dense(found), expected, atol=1e-4, rtol=1e-4)
        miss, whole = distance(wide, found)
        assert whole == pytest.approx(float(dense(wide).norm()))
        assert miss == pytest.approx(float((dense(wide) - dense(found)).norm()), abs=1e-6)
        assert distance(dense(wide).float(), found) == pytest.approx((miss, whole), abs=1e-5)


def test_norms_far_below_the_entries_are_exact() -> None:
    one = factors(0, (40, 30), 5)
    almost = Factors(one.b * (1.0 + 2.0**-20), one.a)
    miss, whole = distance(one, almost)
    assert miss / whole == pytest.approx(2.0**-20, rel=1e-2)
    assert norm(one) == pytest.approx(float(dense(one).norm()), rel=1e-12)


def test_small_singular_values_are_kept_and_rounding_is_not() -> None:
    u, v = (
        torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(s)).double())[0] for s in (1, 2)
    )
    matrix = (u[:, :3] * torch.tensor([1.0, 1e-2, 1e-5])) @ v[:3]
    _, found, _ = leading(matrix, 20)
    torch.testing.assert_close(found, torch.tensor([1.0, 1e-2, 1e-5], dtype=torch.float64), atol=0.0, rtol=1e-4)


def test_nothing_has_rank_one_and_no_norm() -> None:
    zero = Factors(torch.zeros(4, 2), torch.zeros(2, 3))
    for found in (truncated(zero, 2), low_rank(torch.zeros(4, 3), 2), concatenated([(0.0, zero)])):
        assert not dense(found).any()
    assert distance(zero, truncated(zero, 1)) == (0.0, 0.0)
