"""Consensus merging against its definition, and where its masks are on."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import merge
from tensors import Problem, check_damage, check_shared_rules, problems

LAMBDAS = (0.0, 0.2, 0.332, 0.4, 0.6, 1.0)
lambdas = st.lists(st.sampled_from(LAMBDAS), min_size=4, max_size=4)


def reference(case: Problem, tall: list[float], least: int, scale: float) -> Tensor:
    total = torch.stack(case.vectors()).sum(0)
    masks = [v.abs() > lam * (total - v).abs() for v, lam in zip(case.vectors(), tall, strict=True)]
    agreed = torch.stack(masks).sum(0) >= least
    return case.base.double() + scale * agreed * total


@given(problems(2, 4), lambdas, st.integers(1, 4), st.sampled_from((0.4, 1.0, -0.5)))
@settings(max_examples=25)
def test_the_definition(case: Problem, tall: list[float], least: int, scale: float) -> None:
    tall, least = tall[: len(case.deltas)], min(least, len(case.deltas))
    merged = merge("consensus", case.base, case.deltas, tall_lam=tall, lam=scale, options={"k": least})
    # Rounding may decide about an element within 1e-6 of a threshold.
    strict = reference(case, [lam * (1 + 1e-6) + 1e-9 for lam in tall], least, scale)
    loose = reference(case, [lam * (1 - 1e-6) for lam in tall], least, scale)
    case.close(torch.where(strict == loose, merged, case.base.float()), torch.where(strict == loose, strict, case.base))
    assert float((strict != loose).double().mean()) < 0.01


@given(problems(2, 4), st.integers(1, 2))
@settings(max_examples=15)
def test_shared_rules(case: Problem, least: int) -> None:
    check_shared_rules("consensus", case, options={"k": least})


def test_known_answer() -> None:
    """Others' sums: 1 and 5 (both masks on at 0.2), 9 and 1 (first off at 0.2: 1 > 1.8 is false), 0 and 2."""
    first, second = torch.tensor([5.0, 1.0, 2.0]), torch.tensor([1.0001, 9.0, 0.0])
    base = torch.ones(3)
    both = merge("consensus", base, [first, second], tall_lam=[0.2, 0.2], lam=1.0)
    torch.testing.assert_close(both - base, torch.tensor([6.0001, 0.0, 0.0]))
    either = merge("consensus", base, [first, second], tall_lam=[0.2, 0.2], lam=1.0, options={"k": 1})
    torch.testing.assert_close(either - base, first + second)


def test_an_exact_threshold_is_not_passed_on_the_grid_of_the_paper() -> None:
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6):
        exact, above = torch.tensor([10 * threshold]), torch.tensor([10 * threshold * 1.0001])
        other, base = torch.tensor([10.0]), torch.zeros(1)
        tall = [threshold, threshold]
        assert float(merge("consensus", base, [exact, other], tall_lam=tall, lam=1.0)) == 0.0
        assert float(merge("consensus", base, [above, other], tall_lam=tall, lam=1.0)) > 10.0


def test_each_expert_has_its_own_threshold() -> None:
    first, second = torch.tensor([3.0]), torch.tensor([10.0])
    kept = merge("consensus", torch.zeros(1), [first, second], tall_lam=[0.2, 0.6], lam=1.0)
    dropped = merge("consensus", torch.zeros(1), [first, second], tall_lam=[0.6, 0.2], lam=1.0)
    assert (float(kept), float(dropped)) == (13.0, 0.0)


def test_too_few_changed_experts_leave_the_base_and_lambda_zero_does() -> None:
    base, delta = torch.rand(4, 4), torch.rand(4, 4)
    assert torch.equal(merge("consensus", base, [delta, None, None]), base)
    assert torch.equal(merge("consensus", base, [delta, delta], lam=0.0), base)


@pytest.mark.parametrize("least", [0, 3])
def test_k_must_fit_the_experts(least: int) -> None:
    with pytest.raises(RecipeError, match="expected 1 to the number of experts, 2"):
        merge("consensus", torch.ones(2), [torch.ones(2), torch.ones(2)], options={"k": least})


def test_damaged_experts_show() -> None:
    check_damage("consensus", 3)
