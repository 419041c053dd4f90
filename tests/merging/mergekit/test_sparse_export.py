"""Merges of sparsified task vectors as mergekit configurations, and which of them mergekit cannot make."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from merging.mergekit import NotExpressible, mergekit_config
from merging.models import ModelSet
from merging.recipe import Recipe

COMPAT = {"compat": "mergekit"}
RANDOM = ("dare_linear", "dare_ties", "della", "della_linear")
RANKS = ("ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear")


def exact(method: str) -> dict[str, Any]:
    """Options with which mergekit makes the same of full checkpoints, among equal elements too."""
    equal = {"equal_magnitudes": "torch_sort"} if method in RANKS else {}
    return COMPAT | ({"equal_variances": "torch_topk"} if method == "sce" else equal)


def coefficients(**values: float) -> dict[str, Any]:
    return {name: {"a": (value,), "b": (value,)} for name, value in values.items()}


HALF = coefficients(density=0.5)


@pytest.mark.parametrize("method", ["ties", "breadcrumbs", "breadcrumbs_ties", *RANDOM])
def test_what_mergekit_made_of_full_checkpoints_it_can_make_again(
    full_models: ModelSet, family: Any, method: str
) -> None:
    text = mergekit_config(Recipe(method, ("a", "b"), coefficients=HALF, options=exact(method), seed=7), full_models)
    assert ("--random-seed 7\n" in text) == (method in RANDOM)
    config = yaml.safe_load(text)
    assert config["merge_method"] == method
    assert config["base_model"] == str(family.base)
    assert config["parameters"] == {
        "normalize": method in ("ties", "della"),
        "rescale": method in RANDOM,
        "lambda": 1.0,
    }
    expected = {"weight": 1.0, "density": 0.5}
    if method.startswith("breadcrumbs"):
        expected["gamma"] = 0.006
    if method.startswith("della"):
        expected["epsilon"] = 0.07
    assert [entry["parameters"] for entry in config["models"]] == [expected, expected]


def test_sce_and_ram(full_models: ModelSet) -> None:
    sce = Recipe("sce", ("a", "b"), "group:2", {"select_topk": (0.2, 0.6)}, exact("sce"))
    setting = yaml.safe_load(mergekit_config(sce, full_models))["parameters"]["select_topk"]
    assert setting[-1] == {"value": [0.2, 0.2, 0.6, 0.6]}
    ram = Recipe("ram", ("a", "b"), options={"epsilon": 1e-4})
    assert yaml.safe_load(mergekit_config(ram, full_models))["parameters"] == {"epsilon": 1e-4}
    plus = Recipe("ramplus_tl", ("a", "b"), coefficients={"r": (0.3,)})
    wide = yaml.safe_load(mergekit_config(plus, full_models))["parameters"]
    assert wide == {"r": 0.3, "alpha": 0.2, "epsilon": 1e-5}


@pytest.mark.parametrize(
    ("method", "values", "options", "reason"),
    [
        ("ties", HALF, {"equal_magnitudes": "by_position"}, "a is a full checkpoint"),
        ("ties", HALF, {"consensus": "count"}, "of the majority"),
        ("ties", HALF, {"divisor": "absolute"}, None),
        ("ties", HALF | coefficients(weight=-1.0), {"divisor": "absolute"}, "negative weights"),
        ("ties", HALF | coefficients(weight=-1.0), {}, None),
        ("ties", HALF | coefficients(weight=-1.0), {"divisor": "absolute", "normalize": False}, None),
        ("breadcrumbs", HALF, {"threshold_scope": "row"}, "masks each row"),
        ("breadcrumbs", HALF, {"overlap": "gamma"}, None),
        ("breadcrumbs", coefficients(density=0.999), {"overlap": "gamma"}, "keeps outliers"),
        ("breadcrumbs", HALF, {"overlap": "gamma", "exempt_1d": True}, None),
        ("dare_linear", HALF, {"rescale": "inverse_density"}, "restores L1 norms"),
        ("dare_linear", HALF, {"draws": "keyed"}, "random draws"),
        ("dare_linear", HALF, {"exempt_1d": True}, "a density of 1"),
        ("della", HALF, {"threshold_scope": "tensor"}, "ranks within rows"),
        ("della", HALF, {"equal_magnitudes": "by_position"}, "arbitrary order"),
        ("della", HALF | coefficients(epsilon=0.5), {}, "refuses an epsilon"),
        ("sce", {}, {"variant": "paper"}, "weighs small task vectors"),
        ("sce", {}, {"equal_variances": "by_position"}, "arbitrary part of equal variances"),
        ("sce", {"lambda": (0.5,)}, {}, "cannot scale what sce adds"),
        ("ramplus_tl", {}, {"overlap_scope": "global"}, "over the whole model"),
    ],
)
def test_what_mergekit_does_differently(
    full_models: ModelSet, method: str, values: dict[str, Any], options: dict[str, Any], reason: str | None
) -> None:
    recipe = Recipe(method, ("a", "b"), coefficients=values, options=exact(method) | options)
    if reason is None:
        assert f"merge_method: {method}\n" in mergekit_config(recipe, full_models)
        return
    with pytest.raises(NotExpressible, match=reason) as caught:
        mergekit_config(recipe, full_models)
    assert caught.value.reason.endswith(".")


def test_sequential_draws_go_by_the_names_of_experts(full_models: ModelSet) -> None:
    with pytest.raises(NotExpressible, match="order of the recipe"):
        mergekit_config(Recipe("dare_linear", ("b", "a"), coefficients=HALF, options=COMPAT), full_models)
