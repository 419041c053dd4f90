"""Passthrough: one expert, scaled."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evomerge.errors import RecipeError
from merges import merge
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.recipe import Recipe
from merging.validation import validate_recipe
from tensors import Problem, check_damage, problems


@given(problems(1, 1), st.floats(-2.0, 2.0))
@settings(max_examples=20)
def test_the_formula(case: Problem, scale: float) -> None:
    case.close(merge("passthrough", case.base, case.deltas, scale=[scale]), scale * case.weights()[0])


def test_an_unchanged_tensor_is_scaled_too() -> None:
    base = torch.tensor([1.0, -2.0])
    assert torch.equal(merge("passthrough", base, [None], scale=[0.5]), base / 2)
    assert torch.equal(merge("passthrough", base, [None]), base)


def test_it_returns_an_expert_bit_for_bit(full_models: ModelSet) -> None:
    checkpoint = full_models.weight_files()["a"]
    from safetensors.torch import load_file

    stored = {name: tensor for file in checkpoint for name, tensor in load_file(file).items()}
    merged = dict(Materializer(full_models, resident=False).tensors(Recipe("passthrough", ("a",))))
    assert merged.keys() == stored.keys()
    assert all(torch.equal(merged[name], stored[name]) for name in merged)


def test_it_takes_one_expert(full_models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="exactly 1"):
        validate_recipe(Recipe("passthrough", ("a", "b")), full_models.num_blocks)


def test_damaged_experts_show() -> None:
    check_damage("passthrough", 1)
