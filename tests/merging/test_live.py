"""Merges written straight into the places of an engine that lays out its weights in its own way."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from places import OnGpu, check, engine
from safetensors.torch import load_file, save_file

from evomerge.errors import Infeasible
from merges import WITHOUT_DATA, as_many_as_fit, quick
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.operators import get_operator
from merging.recipe import Recipe


def recipe(method: str, weight: float = 0.5, **fields: Any) -> Recipe:
    models = tuple(as_many_as_fit(method, ("a", "b")))
    return Recipe(method, models, options=quick(method), **fields)


QUICK = [name for name in WITHOUT_DATA if get_operator(name).cost in ("linear", "sort")]


@pytest.mark.parametrize("method", [*QUICK, "tsv_m"])
def test_places_hold_what_a_checkpoint_would(full_models: ModelSet, method: str) -> None:
    check_places(full_models, method, Materializer)


# Sums, choices and elections are computed there; della and model_stock by the processor, or in part.
@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "dare_ties", "breadcrumbs", "della", "model_stock"])
@pytest.mark.parametrize("experts", ["full", "lora"])
def test_places_on_a_gpu_hold_what_a_checkpoint_would(
    full_models: ModelSet, lora_models: ModelSet, method: str, experts: str
) -> None:
    check_places(full_models if experts == "full" else lora_models, method, OnGpu)


def check_places(models: ModelSet, method: str, kind: type[Materializer]) -> None:
    live, one = engine(models), recipe(method)
    assert kind(models).write(one, live) == set(models.tensor_names())
    check(live, {name: tensor.clone() for name, tensor in Materializer(models).tensors(one)}, kind)


@pytest.mark.parametrize("kind", [Materializer, OnGpu])
def test_only_what_differs_from_the_base_is_written_again(lora_models: ModelSet, kind: type[Materializer]) -> None:
    live, materializer = engine(lora_models), kind(lora_models)
    weights = {"weight": {"a": (0.5,), "b": (0.25,)}}
    first = Recipe("task_arithmetic", ("a", "b"), coefficients=weights)
    assert materializer.write(first, live) == set(lora_models.tensor_names())
    changed = materializer.write(first, live)
    assert changed == set(lora_models.tensor_names()) - live.at_base
    assert {name for name in changed if "proj" in name} == changed
    # Back at the base, everything is there again, and then nothing is written any more.
    base = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (0.0,)}})
    assert materializer.write(base, live) == changed
    check(live, {name: lora_models.base_tensor(name) for name in lora_models.tensor_names()})
    assert materializer.write(base, live) == set()


@pytest.mark.parametrize("kind", [Materializer, OnGpu])
@pytest.mark.parametrize(("granularity", "slots"), [("group:2+module", 4), ("chunks:5", 5)])
@pytest.mark.parametrize("method", ["task_arithmetic", "ties"])
def test_coefficients_by_slot_and_depth(
    full_models: ModelSet, kind: type[Materializer], method: str, granularity: str, slots: int
) -> None:
    weights = {"a": tuple(0.1 + 0.2 * slot for slot in range(slots)), "b": (0.0,) * slots}
    for depth in ({}, {"lines_alpha": (0.25,), "lines_beta": (0.5,)}):
        one = Recipe(method, ("a", "b"), granularity=granularity, coefficients={"weight": weights, **depth})
        live = engine(full_models)
        kind(full_models).write(one, live)
        check(live, {name: tensor.clone() for name, tensor in Materializer(full_models).tensors(one)}, kind)


@pytest.mark.parametrize("kind", [Materializer, OnGpu])
def test_an_infeasible_merge_leaves_the_record_of_the_base_true(
    full_models: ModelSet, family: Any, tmp_path: Path, kind: type[Materializer]
) -> None:
    shutil.copytree(family.full[0], tmp_path / "burst")
    tensors = load_file(tmp_path / "burst" / "model.safetensors")
    tensors["model.norm.weight"][-1] = 3e38
    save_file(tensors, tmp_path / "burst" / "model.safetensors", metadata={"format": "pt"})
    models = family.open(a=tmp_path / "burst")
    live, materializer = engine(models), kind(models)
    base = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (0.0,)}})
    burst = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (2.0,)}})
    materializer.write(base, live)
    assert live.at_base == set(models.tensor_names())
    # The last tensor alone becomes infinite, when others are written already.
    with pytest.raises(Infeasible):
        materializer.write(burst, live)
    assert live.at_base < set(models.tensor_names())
    materializer.write(base, live)
    check(live, {name: models.base_tensor(name) for name in models.tensor_names()})


def test_an_engine_of_another_dtype_gets_what_a_checkpoint_would_round_to(full_models: ModelSet) -> None:
    live = engine(full_models, dtype=torch.float16)
    one = recipe("task_arithmetic")
    Materializer(full_models).write(one, live)
    check(live, {name: tensor.clone() for name, tensor in Materializer(full_models).tensors(one)})
