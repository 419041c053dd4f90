"""Operators made from norms and angles on whole checkpoints: streamed or kept, in any order, with adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor

from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe

METHODS: list[tuple[str, dict[str, Any]]] = [
    ("slerp", {}),
    ("nuslerp", {"angle": "row"}),
    ("multislerp", {}),
    ("karcher", {}),
    ("karcher", {"vectors": "task_vectors"}),
    ("passthrough", {}),
    ("nearswap", {}),
    ("arcee_fusion", {}),
    ("model_stock", {}),
    ("model_stock", {"angle": "row", "ratio": "literal"}),
    *(("varm", {"unit": unit}) for unit in ("model", "layer", "matrix", "parameter")),
    ("widen", {}),
    ("consensus", {}),
    ("layer_swap", {}),
]


def recipe(method: str, options: dict[str, Any], experts: tuple[str, ...]) -> Recipe:
    return Recipe(method, experts[: get_operator(method).max_models], options=options)


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_streamed_equals_resident_bit_for_bit(
    mixed_models: ModelSet, same: Callable[..., bool], method: str, options: dict[str, Any]
) -> None:
    wanted = recipe(method, options, ("c", "a", "b"))
    streamed = dict(Materializer(mixed_models, resident=False).tensors(wanted))
    resident = Materializer(mixed_models)
    assert same(streamed, dict(resident.tensors(wanted)))
    assert streamed.keys() == set(mixed_models.tensor_names())
    # Again from what is prepared, and in another order of the experts.
    assert same(streamed, dict(resident.tensors(wanted)))
    if not get_operator(method).ordered and len(wanted.models) > 1:
        assert same(streamed, dict(resident.tensors(recipe(method, options, ("a", "b", "c")))))


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_experts_equal_to_the_base_give_the_base(
    family: Any, same: Callable[..., bool], method: str, options: dict[str, Any]
) -> None:
    models = family.open(a=family.base, b=family.base)
    base: dict[str, Tensor] = {name: models.base_tensor(name) for name in models.tensor_names()}
    assert same(dict(Materializer(models).tensors(recipe(method, options, ("a", "b")))), base)
