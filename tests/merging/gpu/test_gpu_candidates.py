"""Candidate after candidate on a GPU: what is kept between them never shows in the weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from places import OnGpu, check, engine

from evomerge.errors import Infeasible
from merging.gpu import places, plan
from merging.granularity import Granularity
from merging.live import LiveWeights
from merging.materialize import KEPT_STATES, Materializer
from merging.models import ModelSet
from merging.operators.arithmetic import Linear, TaskArithmetic
from merging.operators.sparse import SparseMerge
from merging.recipe import Recipe


def candidate(method: str, a: Sequence[float], b: Sequence[float], **fields: Any) -> Recipe:
    granularity = "global" if len(a) == 1 else "group:2+module"
    return Recipe(method, ("a", "b"), granularity, {"weight": {"a": tuple(a), "b": tuple(b)}}, **fields)


def assert_written(materializer: Materializer, live: LiveWeights, recipe: Recipe) -> None:
    materializer.write(recipe, live)
    check(live, {name: one.clone() for name, one in Materializer(materializer.models).tensors(recipe)}, OnGpu)


class Counting:
    """Counts how often an operator binds coefficients."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, operator: type[Any]) -> None:
        self.calls, bind = 0, operator.kernel

        def kernel(*arguments: Any) -> Any:
            self.calls += 1
            return bind(*arguments)

        monkeypatch.setattr(operator, "kernel", kernel)


@pytest.mark.parametrize(("method", "operator"), [("task_arithmetic", TaskArithmetic), ("dare_ties", SparseMerge)])
def test_coefficients_are_bound_once_for_tensors_that_are_alike(
    full_models: ModelSet, monkeypatch: pytest.MonkeyPatch, method: str, operator: type[Any]
) -> None:
    live, materializer = engine(full_models), OnGpu(full_models)
    recipes = [candidate(method, (0.5,), (weight,)) for weight in (0.25, 0.7)]
    sizes = {full_models.tensor_info(name).shape for name in full_models.tensor_names()}
    materializer.write(recipes[0], live)
    counting = Counting(monkeypatch, operator)
    materializer.write(recipes[1], live)
    assert counting.calls <= len(sizes) < len(full_models.tensor_names())
    monkeypatch.undo()
    assert_written(materializer, live, recipes[1])


def test_experts_that_come_and_go_by_slot(full_models: ModelSet) -> None:
    live, materializer = engine(full_models), OnGpu(full_models)
    slots = Granularity.parse("group:2+module").num_slots(full_models.num_blocks)
    some, none = (0.5, 0.0) * (slots // 2), (0.0,) * slots
    for a, b in [(some, some[::-1]), (some[::-1], some), (some, none), (none, none), (some, some[::-1])]:
        assert_written(materializer, live, candidate("task_arithmetic", a, b))
    assert not live.at_base.intersection(name for name in full_models.tensor_names() if "mlp" in name)


ONE_FOR_ALL = {
    "sce": "select_topk",
    "layer_swap": "bottom",
    "slerp": "t",
    "ramplus_tl": "r",
    "localize_and_stitch": "lambda",
    "consensus": "lambda",
}


# The factor that restores a norm, and what a tensor's name or rows decide, are looked up in the tensor itself.
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("dare_linear", {"rescale": "l1"}),
        ("ties", {"rescale": "l1"}),
        ("breadcrumbs", {}),
        ("sce", {}),
        ("layer_swap", {}),
        ("slerp", {}),
        ("ramplus_tl", {}),
        ("localize_and_stitch", {}),
        ("consensus", {}),
    ],
)
def test_operators_that_look_at_each_tensor(full_models: ModelSet, method: str, options: dict[str, Any]) -> None:
    live, materializer = engine(full_models), OnGpu(full_models)
    for share in (0.2, 0.6):
        weights: dict[str, Any] = {"weight": {"a": (share,), "b": (0.4,)}}
        if method in ONE_FOR_ALL:
            weights = {ONE_FOR_ALL[method]: (share,)}
        assert_written(materializer, live, Recipe(method, ("a", "b"), coefficients=weights, options=options))


def test_what_is_made_for_one_candidate_is_not_kept(lora_models: ModelSet) -> None:
    live, materializer = engine(lora_models), OnGpu(lora_models)
    kept = set()
    for weight in (0.2, 0.5, 0.8):
        coefficients = {"weight": {"a": (weight,), "b": (0.4,)}, "alpha": {"a": (0.5,), "b": (0.9,)}}
        assert_written(materializer, live, Recipe("evo_merging", ("a", "b"), coefficients=coefficients))
        assert materializer._gpu is not None
        kept.add(materializer._gpu.mirror.kept_bytes)
    assert len(kept) == 1


@pytest.mark.parametrize("budget", [0, 1 << 16])
@pytest.mark.parametrize("method", ["task_arithmetic", "dare_ties"])
def test_in_many_steps_and_batches_with_little_memory(
    full_models: ModelSet, monkeypatch: pytest.MonkeyPatch, budget: int, method: str
) -> None:
    monkeypatch.setattr(places, "_SCRATCH_BYTES", 1 << 15)
    monkeypatch.setattr(plan, "_BOUND_TOGETHER", 2)
    live, materializer = engine(full_models), OnGpu(full_models, gpu_budget=budget)
    for weight in (0.25, 0.7):
        assert_written(materializer, live, candidate(method, (0.5,), (weight,)))
    assert materializer._gpu is not None
    assert materializer._gpu.mirror.kept_bytes <= budget
    assert materializer._gpu.mirror.streamed_bytes > 0


def test_engines_and_states_that_come_and_go(full_models: ModelSet) -> None:
    first, second, materializer = engine(full_models), engine(full_models), OnGpu(full_models)
    recipes = [candidate("dare_linear", (0.5,), (0.25,), seed=seed) for seed in range(KEPT_STATES + 1)]
    for recipe in (*recipes, recipes[0]):
        materializer.write(recipe, first)
    assert_written(materializer, second, recipes[1])
    assert_written(materializer, first, recipes[0])


def test_a_refused_candidate_leaves_no_trace(full_models: ModelSet, monkeypatch: pytest.MonkeyPatch) -> None:
    live, materializer = engine(full_models), OnGpu(full_models)
    good = candidate("linear", (0.5,), (0.25,))
    materializer.write(good, live)
    before = {name: place.out.clone() for name, (place,) in live.places.items()}
    with pytest.raises(Infeasible, match="cannot be normalized"):
        materializer.write(candidate("linear", (0.5,), (-0.5,)), live)
    assert all(torch.equal(place.out, before[name]) for name, (place,) in live.places.items())
    assert_written(materializer, live, good)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(Linear, "kernel", broken)
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        materializer.write(candidate("linear", (0.5,), (0.3,)), live)
