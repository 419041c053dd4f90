"""Configurations for mergekit of operators made from norms and angles, and why some have none."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from merging.mergekit import NotExpressible, mergekit_config
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe

TOOL = {"compat": "mergekit"}


def parsed(recipe: Recipe, models: ModelSet) -> dict[str, Any]:
    data = yaml.safe_load(mergekit_config(recipe, models))
    assert isinstance(data, dict)
    return data


def test_multislerp_on_task_vectors_and_weights(full_models: ModelSet, family: Any) -> None:
    weights = {"weight": {"a": (0.25,), "b": (0.5,)}}
    config = parsed(Recipe("multislerp", ("a", "b"), coefficients=weights, options=TOOL), full_models)
    assert config["base_model"] == str(family.base)
    assert [entry["parameters"] for entry in config["models"]] == [{"weight": 0.25}, {"weight": 0.5}]
    assert config["parameters"] == {"normalize_weights": True, "eps": 1e-8}
    plain_options: dict[str, Any] = {"vectors": "weights", "normalize": False}
    plain = parsed(Recipe("multislerp", ("a", "b"), options=plain_options), full_models)
    assert "base_model" not in plain
    assert plain["parameters"] == {"normalize_weights": False, "eps": 1e-8}


def test_multislerp_of_three_adapters_has_tensors_without_a_direction(family: Any) -> None:
    three = family.open(a=family.lora[0], b=family.lora[1], c=family.lora[0])
    with pytest.raises(NotExpressible, match="no expert changes"):
        mergekit_config(Recipe("multislerp", ("a", "b", "c")), three)
    assert parsed(Recipe("multislerp", ("a", "b")), three)["merge_method"] == "multislerp"


def test_karcher(mixed_models: ModelSet, family: Any) -> None:
    config = parsed(Recipe("karcher", ("a", "b", "c"), options={"max_iter": 50, "tol": 1e-7}), mixed_models)
    assert "base_model" not in config
    assert config["models"][:2] == [{"model": str(family.full[0])}, {"model": str(family.full[1])}]
    assert config["parameters"] == {"max_iter": 50, "tol": 1e-7}


def test_passthrough_and_nearswap(full_models: ModelSet, family: Any) -> None:
    scales = {"scale": {"a": (1.0, 0.9, 0.8, 0.7)}}
    config = parsed(Recipe("passthrough", ("a",), "layer", scales), full_models)
    (entry,) = config["models"]
    assert entry["model"] == str(family.full[0])
    assert entry["parameters"]["scale"][-1] == {"value": [1.0, 0.9, 0.8, 0.7]}
    assert "parameters" not in config
    near = parsed(Recipe("nearswap", ("a",), coefficients={"t": (0.002,)}), full_models)
    assert near["base_model"] == str(family.base)
    assert near["models"] == [{"model": str(family.full[0])}]
    assert near["parameters"] == {"t": 0.002}


def test_arcee_fusion_and_model_stock(full_models: ModelSet, family: Any) -> None:
    config = parsed(Recipe("arcee_fusion", ("a",), options=TOOL), full_models)
    assert config["models"] == [{"model": str(family.full[0])}]
    assert "parameters" not in config
    for angle, filter_wise in (("tensor", False), ("row", True)):
        stock = parsed(Recipe("model_stock", ("a", "b"), options={**TOOL, "angle": angle}), full_models)
        assert stock["base_model"] == str(family.base)
        assert stock["parameters"] == {"filter_wise": filter_wise}


def test_task_arithmetic_with_normalized_weights(full_models: ModelSet) -> None:
    config = parsed(Recipe("task_arithmetic", ("a", "b"), options={"normalize": True}), full_models)
    assert config["parameters"] == {"lambda": 1.0, "normalize": True}


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (Recipe("karcher", ("a", "b"), options={"vectors": "task_vectors"}), "of task vectors"),
        (Recipe("karcher", ("a", "b"), coefficients={"weight": {"a": (0.5,)}}), "equally"),
        (Recipe("nearswap", ("a",), coefficients={"t": (1e-7,)}), "t is smaller"),
        (Recipe("arcee_fusion", ("a",)), "option divergence"),
        (Recipe("arcee_fusion", ("a",), coefficients={"spread": (1.0,)}, options=TOOL), "spread of 1.5"),
        (Recipe("model_stock", ("a", "b")), "option ratio"),
        (Recipe("model_stock", ("a", "b"), coefficients={"lambda": (0.5,)}, options=TOOL), "lambda"),
        (Recipe("widen", ("a", "b")), "no method that equals widen"),
        (Recipe("linear", ("a", "b"), coefficients={"lines_beta": (0.5,)}), "lines_beta"),
        (Recipe("linear", ("a", "b"), "chunks:3"), "parts of a tensor"),
    ],
)
def test_what_mergekit_cannot_make(full_models: ModelSet, recipe: Recipe, reason: str) -> None:
    with pytest.raises(NotExpressible, match=reason) as caught:
        mergekit_config(recipe, full_models)
    assert caught.value.reason.endswith(".")


def test_large_tensors_and_fused_ones(tmp_path: Any, tiny_llama: Any) -> None:
    base, expert = (tiny_llama(tmp_path / f"large-{seed}", seed=seed) for seed in (0, 1))
    models = ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(expert)), ModelRef("b", str(expert))])
    with pytest.raises(NotExpressible, match="million"):
        mergekit_config(Recipe("arcee_fusion", ("a",), options=TOOL), models)
    for directory in (base, expert):
        file = directory / "model.safetensors"
        tensors = load_file(file)
        attention = "model.layers.0.self_attn"
        parts = [tensors.pop(f"{attention}.{kind}_proj.weight") for kind in "qkv"]
        save_file({**tensors, f"{attention}.qkv_proj.weight": torch.cat(parts)}, file, {"format": "pt"})
    fused = ModelSet.open(ModelRef("base", str(base)), [ModelRef("a", str(expert)), ModelRef("b", str(expert))])
    for method in ("nuslerp", "model_stock"):
        assert parsed(Recipe(method, ("a", "b"), options=TOOL), fused)["merge_method"] == method
        with pytest.raises(NotExpressible, match="fused"):
            mergekit_config(Recipe(method, ("a", "b"), options={**TOOL, "angle": "row"}), fused)
