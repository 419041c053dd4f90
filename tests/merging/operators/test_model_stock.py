"""Model Stock against its formula, and what it does at the ends of the cosine."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from merges import merge
from tensors import SHAPES, Problem, check_damage, check_shared_rules, problems

ROW: dict[str, Any] = {"angle": "row"}


def reference(case: Problem, by_row: bool) -> Tensor:
    """t = N c / (1 + (N - 1) c) in [0, 1], c the mean cosine of all pairs; per row or over all elements."""
    vectors = [v if by_row else v.reshape(1, -1) for v in case.vectors()]
    count = len(vectors)
    cosines = [torch.cosine_similarity(a, b, dim=-1, eps=0.0) for a, b in combinations(vectors, 2)]
    cosine = torch.stack(cosines).mean(0)
    ratio = (count * cosine / (1 + (count - 1) * cosine)).clamp(0.0, 1.0)
    change = ratio.unsqueeze(-1) * torch.stack(vectors).mean(0)
    return case.base.double() + change.reshape(case.base.shape)


@given(problems(2, shapes=((2, 3, 5), (9, 4), (5, 12), (7,))), st.booleans())
@settings(max_examples=25)
def test_the_formula(case: Problem, by_row: bool) -> None:
    if case.base.ndim > 2:
        by_row = False
    merged = merge("model_stock", case.base, case.deltas, options={"angle": "row" if by_row else "tensor"})
    case.close(merged, reference(case, by_row))


@given(problems(2, shapes=SHAPES), st.sampled_from(("tensor", "row")), st.sampled_from(("clamped", "literal")))
@settings(max_examples=20)
def test_shared_rules(case: Problem, angle: str, ratio: str) -> None:
    check_shared_rules("model_stock", case, options={"angle": angle, "ratio": ratio})


@pytest.mark.parametrize("options", [{}, ROW, {"compat": "mergekit"}])
def test_equal_experts_give_their_average_and_orthogonal_ones_the_base(options: dict[str, Any]) -> None:
    base, delta = torch.ones(2, 4), torch.tensor([[1.0, 2.0, 0.0, 0.0], [3.0, 1.0, 0.0, 0.0]])
    torch.testing.assert_close(merge("model_stock", base, [delta, delta, delta], options=options), base + delta)
    longer = merge("model_stock", base, [delta, 3 * delta], options=options)
    torch.testing.assert_close(longer, base + 2 * delta)
    across = merge("model_stock", base, [delta, delta.flip(1)], options=options)
    assert torch.equal(across, base)


def test_opposite_experts_stay_at_the_base_unless_literal() -> None:
    base = torch.zeros(2)
    deltas = [torch.tensor([1.0, 0.0]), torch.tensor([-0.6, 0.8])]
    assert torch.equal(merge("model_stock", base, deltas), base)
    # c = -0.6 and t = -1.2 / 0.4 = -3, of the average (0.2, 0.4).
    literal = merge("model_stock", base, deltas, options={"ratio": "literal"})
    torch.testing.assert_close(literal, torch.tensor([-0.6, -1.2]))
    # c = -1 divides by zero.
    singular = merge("model_stock", base, [deltas[0], -2 * deltas[0]], options={"ratio": "literal"})
    assert torch.equal(singular, base)


def test_an_expert_without_changes_counts_as_orthogonal() -> None:
    """Two equal experts and one idle: c = 1/3 and t = 1 / (1 + 2/3) = 0.6, of an average of 2/3."""
    delta = torch.tensor([[3.0, 5.0]])
    merged = merge("model_stock", torch.zeros(1, 2), [delta, None, delta])
    torch.testing.assert_close(merged, 0.4 * delta)


@pytest.mark.parametrize("options", [{}, ROW])
def test_lambda_scales_the_change(options: dict[str, Any]) -> None:
    base, delta = torch.ones(3, 2), torch.rand(3, 2, generator=torch.Generator().manual_seed(0)) + 0.1
    merged = merge("model_stock", base, [delta, delta], lam=0.5, options=options)
    torch.testing.assert_close(merged, base + 0.5 * delta)
    assert torch.equal(merge("model_stock", base, [delta, delta], lam=0.0, options=options), base)


def test_short_task_vectors_have_angles_unless_literal() -> None:
    """Products of norms below 1e-6 are raised to it in mergekit, which makes equal short vectors orthogonal."""
    delta = torch.tensor([[1e-4, 1e-4]])
    base = torch.zeros(1, 2)
    torch.testing.assert_close(merge("model_stock", base, [delta, delta]), delta, atol=1e-10, rtol=1e-5)
    cosine = 2e-8 / 1e-6
    literal = merge("model_stock", base, [delta, delta], options={"compat": "mergekit"})
    torch.testing.assert_close(literal, delta * (2 * cosine / (1 + cosine)), atol=1e-10, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, ROW, {"compat": "mergekit"}])
def test_damaged_experts_show(options: dict[str, Any]) -> None:
    check_damage("model_stock", 3, options=options)
