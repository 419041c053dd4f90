"""What we export for mergekit, read back by ourselves, is the recipe again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from merging.materialize import Materializer
from merging.mergekit import mergekit_config
from merging.mergekit.config import read_configs
from merging.mergekit.models import open_models
from merging.mergekit.plan import plan_merge
from merging.models import ModelSet
from merging.recipe import Recipe

RECIPES: list[tuple[str, dict[str, Any]]] = [
    ("linear", {"coefficients": {"weight": {"a": (0.3,), "b": (0.9,)}}}),
    ("task_arithmetic", {"granularity": "layer", "coefficients": {"weight": {"a": (0.1, 0.5, 0.9, 0.4), "b": (0.5,)}}}),
    ("task_arithmetic", {"granularity": "layer+module", "coefficients": {
        "weight": {"a": (0.1, 0.5, 0.9, 0.4, 0.2, 0.6, 0.7, 0.8)}, "lambda": (0.7,)}}),
    ("slerp", {"granularity": "group:2", "coefficients": {"t": (0.2, 0.7)}}),
    ("nuslerp", {"coefficients": {"t": (0.3,)}, "options": {"angle": "row"}}),
    ("ties", {"coefficients": {"density": {"a": (0.4,), "b": (0.7,)}}, "options": {"threshold_scope": "tensor"}}),
    ("dare_linear", {"coefficients": {"density": {"a": (1.0,), "b": (1.0,)}}}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "fields"), RECIPES)
def test_an_exported_configuration_is_the_recipe(lora_models: ModelSet, method: str, fields: dict[str, Any]) -> None:
    recipe = Recipe(method, ("a", "b"), **fields)
    (config,) = read_configs(mergekit_config(recipe, lora_models), "mergekit_config.yml")
    plan = plan_merge(config, open_models(config.references(), (Path("/"),), {}))
    again = dict(plan.tensors())
    for name, tensor in Materializer(lora_models).tensors(recipe):
        assert again[name].dtype == tensor.dtype
        # One bf16 number, or the rounding error of fp32 where terms cancel.
        torch.testing.assert_close(again[name].float(), tensor.float(), rtol=2**-7, atol=1e-7)
