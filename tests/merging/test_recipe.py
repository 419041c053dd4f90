from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evomerge.errors import RecipeError
from merging.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Recipe(
    "ties",
    ("math", "code"),
    "group:2+module",
    {"weight": {"math": (0.1, 0.2), "code": (1,)}, "lambda": (0.5,)},
    {"threshold_scope": "tensor", "normalize": False},
    7,
)

names = st.text(min_size=1, max_size=8)
values = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4).map(tuple)
recipes = st.builds(
    Recipe,
    method=names,
    models=st.lists(names, unique=True, max_size=3).map(tuple),
    coefficients=st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, max_size=3)), max_size=3),
    options=st.dictionaries(names, st.one_of(st.booleans(), names, st.integers()), max_size=3),
    seed=st.integers(0, 2**63),
)


@given(recipes)
def test_a_recipe_survives_json_and_pickle(recipe: Recipe) -> None:
    for copy in (
        Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))),
        pickle.loads(pickle.dumps(recipe)),
    ):
        assert copy == recipe
        assert copy.digest() == recipe.digest()
        assert hash(copy) == hash(recipe)


def test_digest_is_the_same_in_every_process() -> None:
    code = (
        "from merging.recipe import Recipe\n"
        f"import json; r = Recipe.from_dict(json.loads({json.dumps(EXAMPLE.to_dict())!r}))\n"
        "print(r.digest(), hash(r))"
    )
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        output = subprocess.run(
            [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
        )
        assert output.stdout.split() == [EXAMPLE.digest(), str(hash(EXAMPLE))]


def test_digest_ignores_how_equal_numbers_are_written_and_keys_are_ordered() -> None:
    first = Recipe("linear", ("a", "b"), coefficients={"weight": {"a": (1,), "b": (0.0,)}})
    second = Recipe("linear", ("a", "b"), coefficients={"weight": {"b": (-0.0,), "a": (1.0,)}})
    assert first == second
    assert first.digest() == second.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"method": "linear"},
        {"models": ("code", "math")},
        {"granularity": "layer"},
        {"coefficients": {}},
        {"options": {}},
        {"seed": 8},
    ],
)
def test_digest_depends_on_every_field(change: dict[str, Any]) -> None:
    assert Recipe.from_dict({**EXAMPLE.to_dict(), **change}).digest() != EXAMPLE.digest()


def test_importing_a_recipe_does_not_import_torch() -> None:
    code = "import sys, merging.recipe; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"method": "linear", "models": ["a"], "coeficients": {}}, "recipe.coeficients"),
        ({"models": ["a"]}, "recipe.method"),
        ({"method": "linear"}, "recipe.models"),
        ({"method": 3, "models": ["a"]}, "recipe.method"),
        ({"method": "linear", "models": "ab"}, "recipe.models"),
        ({"method": "linear", "models": ["a"], "seed": 1.5}, "recipe.seed"),
        ({"method": "linear", "models": ["a"], "seed": True}, "recipe.seed"),
        ({"method": "linear", "models": ["a"], "granularity": 4}, "recipe.granularity"),
        ({"method": "linear", "models": ["a"], "options": [1]}, "recipe.options"),
        ({"method": "linear", "models": ["a"], "coefficients": [1]}, "recipe.coefficients"),
        ({"method": "linear", "models": ["a"], "coefficients": {"t": 1.0}}, "recipe.coefficients.t"),
        ({"method": "linear", "models": ["a"], "coefficients": {"t": []}}, "recipe.coefficients.t"),
        ({"method": "linear", "models": ["a"], "coefficients": {"t": ["1"]}}, "recipe.coefficients.t"),
        (
            {"method": "linear", "models": ["a"], "coefficients": {"weight": {"a": [float("nan")]}}},
            "recipe.coefficients.weight.a",
        ),
    ],
)
def test_malformed_recipes_name_the_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict(data)
    assert caught.value.field == field
