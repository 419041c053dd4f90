from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evomerge.errors import RecipeError
from merges import as_many_as_fit
from merging.granularity import Granularity
from merging.operators import get_operator, operator_names
from merging.recipe import Recipe
from merging.validation import validate_recipe

BLOCKS = 6
TA = {"method": "task_arithmetic", "models": ("a", "b")}


@given(
    st.sampled_from(operator_names()),
    st.sampled_from(["global", "layer", "group:4", "global+module", "layer+module"]),
    st.floats(0.0, 1.0),
)
def test_everything_inside_the_declared_ranges_is_valid(method: str, granularity: str, position: float) -> None:
    operator, slots = get_operator(method), Granularity.parse(granularity).num_slots(BLOCKS)
    models = tuple(as_many_as_fit(method, ("a", "b")))
    coefficients: dict[str, Any] = {}
    for parameter in operator.parameters:
        value = parameter.low + position * (parameter.high - parameter.low)
        values = (value,) * (slots if parameter.granular else 1)
        coefficients[parameter.name] = dict.fromkeys(models, values) if parameter.scope == "model" else values
    options = {option.name: option.default for option in operator.options}
    validate_recipe(Recipe(method, models, granularity, coefficients, options), BLOCKS)
    validate_recipe(Recipe(method, models, granularity), BLOCKS)


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"method": "task_arithmetics", "models": ("a",)}, "recipe.method", "did you mean 'task_arithmetic'"),
    ({**TA, "granularity": "layers"}, "recipe.granularity", "did you mean 'layer'"),
    ({"method": "slerp", "models": ("a",)}, "recipe.models", "exactly 2 experts, found 1"),
    ({"method": "nuslerp", "models": ("a", "b", "c")}, "recipe.models", "exactly 2 experts, found 3"),
    ({"method": "linear", "models": ()}, "recipe.models", "1 or more experts, found 0"),
    ({"method": "linear", "models": ("a", "a")}, "recipe.models", "named twice"),
    ({**TA, "coefficients": {"weights": {"a": (1.0,)}}}, "recipe.coefficients.weights", "did you mean 'weight'"),
    (
        {**TA, "coefficients": {"density": {"a": (1.0,)}}},
        "recipe.coefficients.density",
        "known: lambda, lines_alpha, lines_beta, weight",
    ),
    ({**TA, "coefficients": {"weight": {"c": (1.0,)}}}, "recipe.coefficients.weight.c", "known: a, b"),
    ({**TA, "coefficients": {"weight": (1.0,)}}, "recipe.coefficients.weight", "one list per expert"),
    ({**TA, "coefficients": {"lambda": {"a": (1.0,)}}}, "recipe.coefficients.lambda", "for the whole merge"),
    (
        {**TA, "granularity": "layer", "coefficients": {"weight": {"a": (1.0,) * 5}}},
        "recipe.coefficients.weight.a",
        "found 5 values, expected 1 or 6",
    ),
    (
        {**TA, "granularity": "layer", "coefficients": {"lambda": (1.0,) * 6}},
        "recipe.coefficients.lambda",
        "found 6 values, expected 1.",
    ),
    (
        {"method": "ties", "models": ("a",), "coefficients": {"density": {"a": (0.0,)}}},
        "recipe.coefficients.density.a",
        "0.0 is outside (0, 1]",
    ),
    (
        {"method": "dare_ties", "models": ("a",), "coefficients": {"density": {"a": (1.01,)}}},
        "recipe.coefficients.density.a",
        "outside (0, 1]",
    ),
    (
        {"method": "slerp", "models": ("a", "b"), "coefficients": {"t": (-0.1,)}},
        "recipe.coefficients.t",
        "outside [0, 1]",
    ),
    ({**TA, "coefficients": {"lambda": (1e7,)}}, "recipe.coefficients.lambda", "outside [-1e6, 1e6]"),
    ({**TA, "options": {"rescale": "l1"}}, "recipe.options.rescale", "no such option"),
    ({"method": "linear", "models": ("a",), "options": {"normalize": 1}}, "recipe.options.normalize", "a bool"),
    (
        {"method": "ties", "models": ("a",), "options": {"threshold_scope": "block"}},
        "recipe.options.threshold_scope",
        "one of global, tensor",
    ),
]


@pytest.mark.parametrize(("fields", "field", "text"), CASES)
def test_what_does_not_fit_is_named(fields: dict[str, Any], field: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        validate_recipe(Recipe(**fields), BLOCKS)
    assert caught.value.field == field
    assert text in str(caught.value)
