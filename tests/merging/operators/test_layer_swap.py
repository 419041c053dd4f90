"""Layer swapping: which block comes from which expert, and whole models."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from evomerge.errors import Infeasible, RecipeError
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.names import block_index
from merging.operators import get_operator
from merging.operators.base import MergeInputs, Prepared, TensorInputs, Values
from merging.recipe import Recipe

OPERATOR = get_operator("layer_swap")
OPTIONS = {"outside": "language"}
LANGUAGE, TASK = torch.tensor([1.0]), torch.tensor([0.0])
widths = st.floats(0.0, 8.0)


def shares(num_blocks: int, bottom: float, top: float, lower: float, upper: float) -> list[float]:
    """Merge a model whose language expert is 1 and whose task expert is 0 in every block."""
    names = [f"model.layers.{block}.mlp.up_proj.weight" for block in range(num_blocks)]
    base = torch.zeros(1)
    tensors = [TensorInputs(name, base, ("language", "task"), (LANGUAGE, TASK)) for name in names]
    survey = OPERATOR.survey(MergeInputs.of(tensors, num_blocks), OPTIONS)
    wide = {"bottom": bottom, "top": top, "bottom_transition": lower, "top_transition": upper}
    return [
        float(OPERATOR.apply(Prepared(t, OPTIONS, OPERATOR.prepare(t, OPTIONS, survey)), Values({}, wide)))
        for t in tensors
    ]


@given(st.integers(1, 12), widths, widths, widths, widths)
@settings(max_examples=25)
def test_blocks(num_blocks: int, bottom: float, top: float, lower: float, upper: float) -> None:
    b, u, tb, tu = (int(width + 0.5) for width in (bottom, top, lower, upper))
    expected = []
    for block in range(num_blocks):
        if block < b or block >= num_blocks - u:
            expected.append(1.0)
        elif block < b + tb or block >= num_blocks - u - tu:
            expected.append(0.5)
        else:
            expected.append(0.0)
    assert shares(num_blocks, bottom, top, lower, upper) == expected


def test_the_reported_configuration_and_its_ends() -> None:
    default = [OPERATOR.parameters[i].default for i in range(4)]
    assert shares(32, *default) == [1.0] * 5 + [0.5] + [0.0] * 23 + [0.5] + [1.0] * 2
    assert shares(6, 6, 0, 0, 0) == [1.0] * 6
    assert shares(6, 0, 0, 0, 0) == [0.0] * 6


def test_widths_are_rounded_to_whole_blocks() -> None:
    assert shares(6, 1.49, 0.5, 0.4, 0.0) == shares(6, 1, 1, 0, 0)
    with pytest.raises(Infeasible, match="bottom -1 is a negative number"):
        shares(6, -1.0, 0.0, 0.0, 0.0)


def source_of(models: ModelSet, name: str, merged: Tensor) -> str:
    """Name the expert that a merged tensor equals."""
    base = models.base_tensor(name)
    for expert in ("a", "b"):
        delta = models.delta(name, expert)
        if delta is not None and torch.equal(merged, (base.float() + delta).to(base.dtype)):
            return expert
    return "base" if torch.equal(merged, base) else "both"


@pytest.mark.parametrize(("outside", "origin"), [("language", "b"), ("task", "a"), ("base", "base")])
def test_whole_models_and_the_order_of_experts(full_models: ModelSet, outside: str, origin: str) -> None:
    widths = {"bottom": (1.0,), "top": (1.0,), "bottom_transition": (0.0,), "top_transition": (1.0,)}
    recipe = Recipe("layer_swap", ("b", "a"), coefficients=widths, options={"outside": outside})
    for resident in (True, False):
        found: dict[Any, set[str]] = {}
        for name, merged in Materializer(full_models, resident=resident).tensors(recipe):
            if full_models.is_merged(name):
                found.setdefault(block_index(name), set()).add(source_of(full_models, name, merged))
        # The norms of these random experts are equal to the base's.
        for sources in found.values():
            sources.discard("base")
        assert [found[block] for block in range(4)] == [{"b"}, {"a"}, {"both"}, {"b"}]
        assert found[None] == ({origin} - {"base"})


def test_it_takes_two_experts(full_models: ModelSet) -> None:
    with pytest.raises(RecipeError, match="exactly 2"):
        Materializer(full_models).prepare(Recipe("layer_swap", ("a",)))
