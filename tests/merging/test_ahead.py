"""A candidate merged ahead is the one that is merged in its turn, whatever comes between."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from places import OnGpu, engine
from safetensors.torch import load_file, save_file

from evomerge.errors import EngineError, Infeasible
from merges import as_many_as_fit, quick
from merging.ahead import MergingAhead
from merging.live import LiveWeights
from merging.materialize import Materializer
from merging.models import ModelSet
from merging.recipe import Recipe

BASE = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (0.0,)}})


def recipe(method: str, weight: float) -> Recipe:
    models = tuple(as_many_as_fit(method, ("a", "b")))
    weights: Any = {"lambda": (weight,)} if method == "model_stock" else {"weight": dict.fromkeys(models, (weight,))}
    return Recipe(method, models, options=quick(method), coefficients=weights)


def assert_same(live: LiveWeights, other: LiveWeights) -> None:
    assert live.at_base == other.at_base
    for name, places in live.places.items():
        for place, wanted in zip(places, other.places[name], strict=True):
            assert torch.equal(place.out, wanted.out), name


class Gated(Materializer):
    """Says when the merge of some tensors has begun, and waits there."""

    gated: tuple[str, ...] = ()
    failure: Exception | None = None

    def __init__(self, models: ModelSet) -> None:
        super().__init__(models)
        self.arrived, self.gate = Event(), Event()

    def _ready(self, merge: Any, state: Any, name: str) -> Any:
        if name in self.gated:
            self.arrived.set()
            assert self.gate.wait(60)
            if self.failure is not None:
                raise self.failure
        return super()._ready(merge, state, name)


@pytest.fixture
def opened() -> Iterator[list[MergingAhead]]:
    found: list[MergingAhead] = []
    yield found
    for one in found:
        one.close()


METHODS = ("task_arithmetic", "ties", "dare_ties", "model_stock")
CASES = [
    *[(method, experts, 1.0) for method in METHODS for experts in ("full", "lora")],
    ("ties", "full", 0.5),
    ("ties", "lora", 0.0),
]


@pytest.mark.parametrize(("method", "experts", "share"), CASES)
def test_merged_ahead_or_in_turn_is_the_same(
    full_models: ModelSet,
    lora_models: ModelSet,
    opened: list[MergingAhead],
    method: str,
    experts: str,
    share: float,
) -> None:
    models = full_models if experts == "full" else lora_models
    live, plain, materializer, alone = engine(models), engine(models), Materializer(models), Materializer(models)
    size = sum(place.out.nbytes for places in live.places.values() for place in places)
    ahead = MergingAhead(materializer, live, None if share == 1.0 else int(share * size))
    opened.append(ahead)
    assert ahead.nbytes == size if share == 1.0 else ahead.nbytes <= share * size
    candidates = [BASE, recipe(method, 0.5), recipe(method, 0.7), BASE, recipe(method, 0.2)]
    for one in candidates:
        materializer.prepare(one)
        alone.prepare(one)
    assert ahead.write(candidates[0]) == alone.write(candidates[0], plain)
    for one in candidates[1:]:
        ahead.begin(one)
        ahead.settle()
        told: list[tuple[str, bool]] = []
        written = ahead.write(one, told=lambda name, changed, told=told: told.append((name, changed)))
        assert written == alone.write(one, plain)
        # Every tensor once, whether it was merged ahead or in turn.
        assert sorted(told) == [(name, name in written) for name in sorted(live.places)]
        assert_same(live, plain)
    # Another one is written than was announced, and one that was not.
    ahead.begin(candidates[1])
    for one in candidates[2:]:
        ahead.write(one)
        alone.write(one, plain)
        assert_same(live, plain)


def test_merged_ahead_on_a_gpu_is_the_same(lora_models: ModelSet, opened: list[MergingAhead]) -> None:
    live, plain, materializer = engine(lora_models), engine(lora_models), OnGpu(lora_models)
    ahead = MergingAhead(materializer, live)
    opened.append(ahead)
    first, second = recipe("task_arithmetic", 0.5), recipe("task_arithmetic", 0.7)
    ahead.write(first)
    ahead.begin(second)
    ahead.settle()
    assert ahead.num_merged == len(lora_models.tensor_names())
    ahead.write(second)
    materializer.write(first, plain)
    materializer.write(second, plain)
    assert_same(live, plain)


def test_a_turn_that_comes_early_takes_what_is_done(full_models: ModelSet, opened: list[MergingAhead]) -> None:
    live, plain, materializer = engine(full_models), engine(full_models), Gated(full_models)
    ahead = MergingAhead(materializer, live)
    opened.append(ahead)
    first, second = recipe("ties", 0.5), recipe("ties", 0.9)
    ahead.write(first)
    materializer.gated = (full_models.tensor_names()[3],)
    ahead.begin(second)
    assert materializer.arrived.wait(60)
    materializer.gated = ()
    ahead.interrupt()
    materializer.gate.set()
    ahead.settle()
    assert 0 < ahead.num_merged < len(full_models.tensor_names())
    ahead.write(second)
    Materializer(full_models).write(second, plain)
    assert_same(live, plain)


def test_a_state_that_is_not_prepared_is_left_to_the_turn(full_models: ModelSet, opened: list[MergingAhead]) -> None:
    live, materializer = engine(full_models), Materializer(full_models)
    ahead = MergingAhead(materializer, live)
    opened.append(ahead)
    ahead.write(BASE)
    ahead.begin(recipe("ties", 0.5))
    ahead.settle()
    assert ahead.num_merged == 0
    assert not materializer.is_prepared(recipe("ties", 0.5))


def test_what_is_wrong_with_a_candidate_is_said_in_its_turn(
    family: Any, tmp_path: Path, opened: list[MergingAhead]
) -> None:
    shutil.copytree(family.full[0], tmp_path / "burst")
    tensors = load_file(tmp_path / "burst" / "model.safetensors")
    tensors["model.norm.weight"][-1] = 3e38
    save_file(tensors, tmp_path / "burst" / "model.safetensors", metadata={"format": "pt"})
    models = family.open(a=tmp_path / "burst")
    live, plain = engine(models), engine(models)
    ahead = MergingAhead(Materializer(models), live)
    opened.append(ahead)
    ahead.write(BASE)
    burst = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (2.0,)}})
    mild = Recipe("task_arithmetic", ("a",), coefficients={"weight": {"a": (0.1,)}})
    ahead.begin(burst)
    ahead.settle()
    with pytest.raises(Infeasible):
        ahead.write(burst)
    ahead.begin(mild)
    ahead.settle()
    ahead.write(mild)
    Materializer(models).write(mild, plain)
    for name, (place,) in live.places.items():
        assert torch.equal(place.out, plain.places[name][0].out), name


def test_a_thread_that_fails_is_no_secret(full_models: ModelSet, opened: list[MergingAhead]) -> None:
    materializer = Gated(full_models)
    ahead = MergingAhead(materializer, engine(full_models))
    opened.append(ahead)
    ahead.write(BASE)
    materializer.prepare(recipe("task_arithmetic", 0.5))
    materializer.gated, materializer.failure = full_models.tensor_names(), RuntimeError("out of luck")
    materializer.gate.set()
    ahead.begin(recipe("task_arithmetic", 0.5))
    ahead.settle()
    with pytest.raises(EngineError, match="out of luck"):
        ahead.write(recipe("task_arithmetic", 0.5))
