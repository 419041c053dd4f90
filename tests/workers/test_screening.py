"""Stand-ins of candidates of full fine-tunes against the candidates themselves, in one engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest
from fine_tunes import ADAPTERS, make_fine_tunes

from evals.tasks import TaskDefinition
from evomerge.errors import Infeasible, ModelError, RecipeError
from merging.deep_models import with_depth
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from optimizer.agreement import rank_correlation
from workers.config import ScoreResult, WorkerConfig, process_environment
from workers.engines.lora_population import plan_population, plan_screening
from workers.worker import ScoringWorker

WIDTH, RANK = 4, 12


@pytest.fixture(scope="module")
def fine_tunes(base: ModelRef, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelRef, ...]:
    return make_fine_tunes(Path(base.path), tmp_path_factory.mktemp("fine-tunes"))


@pytest.fixture(scope="module")
def config(base: ModelRef, fine_tunes: tuple[ModelRef, ...], tasks: tuple[TaskDefinition, ...]) -> WorkerConfig:
    population = plan_screening(ModelSet.open(base, fine_tunes), WIDTH, RANK)
    return WorkerConfig(base, fine_tunes, tasks, "vllm", max_model_len=256, kv_cache_gib=0.125, population=population)


@pytest.fixture(scope="module")
def call(ray_cluster: None, config: WorkerConfig) -> Iterator[Callable[..., Any]]:
    """Call a method of the worker, which owns the only engine of this module."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    actor = ray.remote(ScoringWorker).options(runtime_env={"env_vars": process_environment(config)}).remote(config)
    yield lambda method, *arguments: ray.get(getattr(actor, method).remote(*arguments))
    ray.kill(actor)


def merge(arithmetic: float, json: float) -> Recipe:
    weight = {"arithmetic": (arithmetic,), "json": (json,)}
    return Recipe("task_arithmetic", ("arithmetic", "json"), "global", {"weight": weight})


CENTER = merge(0.6, 0.5)
AROUND = [merge(0.9, 0.5), merge(0.6, 0.9), merge(0.2, 0.4), merge(0.7, 0.1)]


def logprobs(result: ScoreResult) -> list[float]:
    assert isinstance(result, ScoreResult)
    return [float(item.reference_logprob or 0.0) for item in result.items]


def difference(one: ScoreResult, other: ScoreResult) -> float:
    return mean(abs(a - b) for a, b in zip(logprobs(one), logprobs(other), strict=True))


def screen(call: Callable[..., Any], center: Recipe, recipes: list[Recipe]) -> list[ScoreResult]:
    return list(call("screen", center, recipes, "search", [None] * len(recipes)))


def test_what_truncation_misses_is_said(call: Callable[..., Any]) -> None:
    losses = call("ready")["losses"]
    # Adapters of rank 8 and the rounding of whole checkpoints to bf16, which has every rank.
    assert 0.01 < losses["arithmetic"]["truncated"] < 0.7
    assert losses["arithmetic"]["left_out"] == 0.0 < losses["json"]["left_out"] < 0.9


def test_the_center_stands_for_itself_to_the_last_bit(call: Callable[..., Any]) -> None:
    assert logprobs(screen(call, CENTER, [CENTER])[0]) == logprobs(call("score", CENTER, "search"))


def test_stand_ins_answer_nearly_as_their_candidates_and_rank_as_they_do(call: Callable[..., Any]) -> None:
    exact = [call("score", one, "search") for one in AROUND]
    center = call("score", CENTER, "search")
    stand_ins = screen(call, CENTER, AROUND)
    for one, stand_in in zip(exact, stand_ins, strict=True):
        assert difference(one, stand_in) < 0.5 * difference(one, center)
    pairs = [(mean(logprobs(one)), mean(logprobs(other))) for one, other in zip(stand_ins, exact, strict=True)]
    tau = rank_correlation([pairs])
    assert tau is not None and tau.mean == 1.0
    # Written after stand-ins, a candidate is the same as before.
    assert logprobs(call("score", AROUND[0], "search")) == logprobs(exact[0])


def test_nearer_centers_make_better_stand_ins(call: Callable[..., Any]) -> None:
    exact = call("score", AROUND[0], "search")
    far, near = (difference(screen(call, center, [AROUND[0]])[0], exact) for center in (merge(0, 0), merge(0.85, 0.5)))
    assert near < far


def test_infeasible_stand_ins_are_so_alone_unless_the_center_is(call: Callable[..., Any]) -> None:
    undefined = Recipe(
        CENTER.method, CENTER.models, "global", {"weight": dict.fromkeys(CENTER.models, (0.0,))}, {"normalize": True}
    )
    results = call("screen", CENTER, [undefined, AROUND[0]], "search", [None] * 2)
    assert isinstance(results[0], Infeasible) and np.isfinite(logprobs(results[1])).all()
    assert all(isinstance(one, Infeasible) for one in call("screen", undefined, AROUND, "search", [None] * 4))
    with pytest.raises(RecipeError, match="ties does not add multiples"):
        call("screen", CENTER, [Recipe("ties", ("arithmetic", "json"))], "search", [None])


def test_what_cannot_be_screened_is_refused(base: ModelRef, fine_tunes: tuple[ModelRef, ...]) -> None:
    models = ModelSet.open(base, fine_tunes)
    assert plan_screening(models, 8, 16).rank == 32
    assert (
        plan_screening(models, 8, 16).layers
        == plan_population(ModelSet.open(base, [ModelRef("json", str(ADAPTERS / "json"))]), 8).layers
    )
    with pytest.raises(ModelError, match=r"512 at most.*256 or less"):
        plan_screening(models, 8, 257)
    with pytest.raises(ModelError, match="every expert is an adapter"):
        plan_screening(ModelSet.open(base, [ModelRef("json", str(ADAPTERS / "json"))]), 8, 16)
    with pytest.raises(ModelError, match="31 blocks"):
        plan_screening(with_depth(models, 31), 8, 16)
