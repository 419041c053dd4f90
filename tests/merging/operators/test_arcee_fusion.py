"""Arcee Fusion: importance, its quartiles, and what passes the threshold."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import RecipeError
from merges import merge
from merging.models import ModelSet
from merging.recipe import Recipe
from merging.validation import validate_recipe
from tensors import Problem, check_damage, check_shared_rules, problem, problems


def importance(case: Problem) -> Tensor:
    """|delta| times KL(softmax of the expert's row || softmax of the base's row), in float64."""
    (expert,), base = case.weights(), case.base.double()
    p, q = expert.softmax(-1), base.softmax(-1)
    return (expert - base).abs() * (p * (p / q).log()).sum(-1, keepdim=True)


def reference(case: Problem, scores: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    """Return the merge, and where rounding cannot have decided."""
    ordered = scores.flatten().sort().values
    lower, median, upper = (ordered[int(share * (len(ordered) - 1))] for share in (0.25, 0.5, 0.75))
    threshold = median + spread * (upper - lower)
    merged = case.base.double() + torch.where(scores >= threshold, case.vectors()[0], 0.0)
    return merged, (scores - threshold).abs() > 1e-5 * threshold


@given(problems(1, 1, shapes=((9, 4), (5, 12), (2, 3, 5), (40,))), st.sampled_from((0.0, 0.7, 1.5)))
@settings(max_examples=25)
def test_the_definition(case: Problem, spread: float) -> None:
    merged = merge("arcee_fusion", case.base, case.deltas, spread=spread)
    expected, decided = reference(case, importance(case), spread)
    case.close(torch.where(decided, merged, case.base.float()), torch.where(decided, expected, case.base.double()))
    assert int((~decided).sum()) <= 3


@given(problems(1, 1), st.sampled_from(("exact", "single")))
@settings(max_examples=15)
def test_shared_rules(case: Problem, divergence: str) -> None:
    check_shared_rules("arcee_fusion", case, options={"divergence": divergence})


def test_elements_are_either_the_base_or_the_expert() -> None:
    case = problem(1, (30, 40), 1)
    merged = merge("arcee_fusion", case.base, case.deltas)
    changed = merged != case.base
    assert torch.equal(merged, torch.where(changed, case.base + case.deltas[0], case.base))
    assert 0.01 < float(changed.float().mean()) < 0.3
    less = merge("arcee_fusion", case.base, case.deltas, spread=3.0) != case.base
    assert bool((changed | ~less).all())
    assert int(less.sum()) < int(changed.sum())


def test_the_median_element_itself_passes_at_spread_zero() -> None:
    case = problem(2, (1, 11), 1)
    merged = merge("arcee_fusion", case.base, case.deltas, spread=0.0)
    assert int((merged != case.base).sum()) == 6


def test_few_changes_all_pass() -> None:
    """Where three quarters of the tensor do not change, all quartiles are 0 and every change passes."""
    base, delta = torch.zeros(4, 4), torch.zeros(4, 4)
    delta[0, :3] = torch.tensor([1.0, -2.0, 1e-3])
    assert torch.equal(merge("arcee_fusion", base, [delta]), delta)


def test_divergences_in_single_precision_follow_its_arithmetic() -> None:
    case = problem(3, (40, 50), 1)
    small = Problem(case.base, (1e-4 * case.deltas[0],))
    expert = small.base + small.deltas[0]
    p, q = expert.softmax(-1) + 1e-8, small.base.softmax(-1) + 1e-8
    scores = small.deltas[0].abs() * torch.sum(p * torch.log(p / q), dim=-1, keepdim=True)
    expected, decided = reference(small, scores.double(), 1.5)
    single = merge("arcee_fusion", small.base, small.deltas, options={"compat": "mergekit"})
    torch.testing.assert_close(single[decided].double(), expected[decided], atol=1e-6, rtol=0.0)
    # These changes are so small that fp32 cannot tell one row's divergence from another's.
    assert not torch.equal(single, merge("arcee_fusion", small.base, small.deltas))


def test_it_takes_one_expert(full_models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="exactly 1"):
        validate_recipe(Recipe("arcee_fusion", ("a", "b")), full_models.num_blocks)


def test_damaged_experts_show() -> None:
    check_damage("arcee_fusion", 1)
