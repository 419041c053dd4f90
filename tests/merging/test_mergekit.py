"""Configurations for mergekit; its evaluation rules are restated here from its documentation and checked."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from merging.granularity import Granularity
from merging.mergekit import NotExpressible, mergekit_config
from merging.models import ModelSet
from merging.names import block_index
from merging.recipe import Recipe


def evaluate(setting: Any, name: str, num_blocks: int) -> float:
    """mergekit's rule: a list of numbers is interpolated over depth, first matching filter wins."""
    if isinstance(setting, list) and isinstance(setting[0], dict):
        first = next(entry for entry in setting if entry.get("filter", "") in name)
        return evaluate(first["value"], name, num_blocks)
    if not isinstance(setting, list):
        return float(setting)
    block = block_index(name)
    position = 0.0 if block is None else block / (num_blocks - 1) * (len(setting) - 1)
    low = int(position)
    high = min(low + 1, len(setting) - 1)
    return float((1 - (position - low)) * setting[low] + (position - low) * setting[high])


def parsed(recipe: Recipe, models: ModelSet) -> dict[str, Any]:
    data = yaml.safe_load(mergekit_config(recipe, models))
    assert isinstance(data, dict)
    return data


def test_task_arithmetic_on_adapters(lora_models: ModelSet, family: Any) -> None:
    recipe = Recipe("task_arithmetic", ("a", "b"), coefficients={"weight": {"a": (0.25,)}, "lambda": (0.5,)})
    assert parsed(recipe, lora_models) == {
        "merge_method": "task_arithmetic",
        "base_model": str(family.base),
        "models": [
            {"model": f"{family.base}+{family.lora[0]}", "parameters": {"weight": 0.25}},
            {"model": f"{family.base}+{family.lora[1]}", "parameters": {"weight": 1.0}},
        ],
        "parameters": {"lambda": 0.5},
        "dtype": "float32",
        "out_dtype": "bfloat16",
    }


def test_linear_needs_no_base(full_models: ModelSet, family: Any) -> None:
    config = parsed(Recipe("linear", ("a", "b"), options={"normalize": False}), full_models)
    assert "base_model" not in config
    assert config["parameters"] == {"normalize": False}
    assert [entry["model"] for entry in config["models"]] == [str(path) for path in family.full]


@pytest.mark.parametrize(
    "granularity", ["global", "layer", "group:3", "global+module", "layer+module", "group:2+module"]
)
def test_every_tensor_gets_the_recipes_value(full_models: ModelSet, granularity: str) -> None:
    parts = Granularity.parse(granularity)
    slots = parts.num_slots(full_models.num_blocks)
    values = tuple(round(0.1 + 0.07 * i, 6) for i in range(slots))
    recipe = Recipe("task_arithmetic", ("a", "b"), granularity, {"weight": {"b": values}})
    setting = parsed(recipe, full_models)["models"][1]["parameters"]["weight"]
    for name in full_models.tensor_names():
        used = parts.slots_of(name, full_models.num_blocks)
        expected = sum(values[slot] for slot in used) / len(used)
        assert evaluate(setting, name, full_models.num_blocks) == pytest.approx(expected, abs=1e-12)


def test_the_form_of_a_gradient_with_modules(full_models: ModelSet) -> None:
    recipe = Recipe(
        "task_arithmetic", ("a",), "layer+module", {"weight": {"a": (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)}}
    )
    text = mergekit_config(recipe, full_models)
    assert "value: [0.0, 2.0, 4.0, 6.0]" in text
    setting = yaml.safe_load(text)["models"][0]["parameters"]["weight"]
    assert setting == [
        {"filter": "model.embed_tokens.weight", "value": 0.5},
        {"filter": "model.norm.weight", "value": 6.5},
        {"filter": "self_attn", "value": [0.0, 2.0, 4.0, 6.0]},
        {"filter": "mlp", "value": [1.0, 3.0, 5.0, 7.0]},
        {"value": [0.5, 2.5, 4.5, 6.5]},
    ]


def test_slerp_and_nuslerp(mixed_models: ModelSet, family: Any) -> None:
    slerp = parsed(Recipe("slerp", ("b", "a"), coefficients={"t": (0.2,)}), mixed_models)
    assert slerp["base_model"] == str(family.full[1])
    assert slerp["models"] == [{"model": str(family.full[1])}, {"model": str(family.full[0])}]
    assert slerp["parameters"] == {"t": 0.2}
    nuslerp = parsed(Recipe("nuslerp", ("a", "b"), coefficients={"t": (0.25,)}), mixed_models)
    assert nuslerp["base_model"] == str(family.base)
    assert [entry["parameters"]["weight"] for entry in nuslerp["models"]] == [0.75, 0.25]
    assert nuslerp["parameters"] == {"nuslerp_flatten": True, "nuslerp_row_wise": False}
    options = {"vectors": "weights", "angle": "column"}
    columns = parsed(Recipe("nuslerp", ("a", "b"), options=options), mixed_models)
    assert "base_model" not in columns
    assert columns["parameters"] == {"nuslerp_flatten": False, "nuslerp_row_wise": True}


def test_ties_exempts_norms_by_filter(lora_models: ModelSet) -> None:
    recipe = Recipe(
        "ties",
        ("a", "b"),
        coefficients={"density": {"a": (0.3,), "b": (1.0,)}, "lambda": (0.8,)},
        options={"threshold_scope": "tensor"},
    )
    config = parsed(recipe, lora_models)
    assert config["parameters"] == {"normalize": True, "lambda": 0.8, "rescale": False}
    first, second = (entry["parameters"]["density"] for entry in config["models"])
    assert second == 1.0
    for name in lora_models.tensor_names():
        assert evaluate(first, name, lora_models.num_blocks) == (1.0 if "norm" in name else 0.3)


@pytest.mark.parametrize("method", ["dare_linear", "dare_ties"])
def test_dare_is_expressible_only_where_it_drops_nothing(lora_models: ModelSet, method: str) -> None:
    whole = {"density": {"a": (1.0,), "b": (1.0,)}}
    assert parsed(Recipe(method, ("a", "b"), coefficients=whole), lora_models)["merge_method"] == method
    with pytest.raises(NotExpressible, match="random draws"):
        mergekit_config(Recipe(method, ("a", "b")), lora_models)


WHOLE = {"density": {"a": (1.0,), "b": (1.0,)}}


@pytest.mark.parametrize(
    ("coefficients", "options", "reason"),
    [
        ({}, {}, "global threshold"),
        ({}, {"threshold_scope": "tensor", "on_draw": "positive"}, "a is a full checkpoint"),
        (WHOLE | {"weight": {"a": (0.5,)}}, {}, "elects signs on weighted"),
        (WHOLE | {"weight": {"a": (-1.0,), "b": (-1.0,)}}, {}, "negative weights"),
        (WHOLE, {}, "cancel exactly"),
    ],
)
def test_what_ties_in_mergekit_does_differently(
    full_models: ModelSet, coefficients: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    options = {"on_draw": "positive"} | options if reason != "cancel exactly" else options
    with pytest.raises(NotExpressible, match=reason) as caught:
        mergekit_config(Recipe("ties", ("a", "b"), coefficients=coefficients, options=options), full_models)
    assert caught.value.reason.endswith(".")


def test_weighted_election_is_expressible(full_models: ModelSet) -> None:
    recipe = Recipe(
        "ties",
        ("a", "b"),
        coefficients=WHOLE | {"weight": {"a": (0.5,), "b": (0.0,)}},
        options={"on_draw": "positive", "elect_on": "weighted"},
    )
    assert parsed(recipe, full_models)["models"][0]["parameters"] == {"weight": 0.5, "density": 1.0}
