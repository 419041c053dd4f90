"""NearSwap: the weight min(t / |delta|, 1) of the expert."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evomerge.errors import RecipeError
from merges import merge
from merging.models import ModelSet
from merging.recipe import Recipe
from merging.validation import validate_recipe
from tensors import Problem, check_damage, check_shared_rules, problems


@given(problems(1, 1), st.sampled_from((1e-3, 0.1, 0.5, 1.0)))
@settings(max_examples=25)
def test_the_formula(case: Problem, t: float) -> None:
    (expert,), base = case.weights(), case.base.double()
    weight = (t / (base - expert).abs()).clamp(max=1.0)
    case.close(merge("nearswap", case.base, case.deltas, t=t), weight * expert + (1 - weight) * base)


@given(problems(1, 1))
@settings(max_examples=10)
def test_shared_rules(case: Problem) -> None:
    check_shared_rules("nearswap", case)


def test_no_weight_moves_further_than_t_and_near_ones_arrive() -> None:
    base, delta = torch.zeros(4), torch.tensor([2e-3, -5.0, 1e-4, 0.0])
    assert torch.equal(merge("nearswap", base, [delta], t=2e-3), torch.tensor([2e-3, -2e-3, 1e-4, 0.0]))
    assert torch.equal(merge("nearswap", base + 1, [delta], t=0.0), base + 1)


def test_one_expert_and_a_t_that_is_a_distance(full_models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="exactly 1"):
        validate_recipe(Recipe("nearswap", ("a", "b")), full_models.num_blocks)
    with pytest.raises(RecipeError, match="outside"):
        validate_recipe(Recipe("nearswap", ("a",), coefficients={"t": (-0.1,)}), full_models.num_blocks)


def test_damaged_experts_show() -> None:
    check_damage("nearswap", 1)
