"""Candidates as adapters of one engine against the same candidates written into its weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import psutil
import pytest
from safetensors.torch import load_file, save_file

from evals.tasks import TaskDefinition
from evomerge.errors import Infeasible, ModelError, RecipeError
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from workers.config import ScoreResult, WorkerConfig, process_environment
from workers.engines.lora_population import plan_population
from workers.worker import ScoringWorker

EXPERTS = Path(__file__).parents[2] / "examples" / "experts"
WIDTH = 4
# Mean difference in nats of the log-probability of a whole answer, which is a few nats. What differs is where bf16
# rounds: the merged weights in one way, the adapter's share of every layer's output in the other; and, between batches
# of different shapes, in which order sums are taken.
SAME_CANDIDATE, SAME_ADAPTER = 0.25, 0.2


class Probe(ScoringWorker):
    """A worker that also shows what its engine holds."""

    def adapters(self) -> set[int]:
        return set(self._start()[0]._llm.llm_engine.list_loras())

    def resident_mib(self) -> float:
        return psutil.Process().memory_info().rss / 2**20


def recipe(granularity: str = "global", **weights: float | tuple[float, ...]) -> Recipe:
    values = {name: value if isinstance(value, tuple) else (value,) for name, value in weights.items()}
    return Recipe("task_arithmetic", tuple(weights), granularity, {"weight": values})


CANDIDATES = [
    recipe(arithmetic=0.0, json=0.0),
    recipe(arithmetic=0.7, json=0.6),
    recipe(arithmetic=1.0, json=0.0),
    recipe("group:10+module", arithmetic=(1.2, -0.3, 0.8, 0.5, 0.1, 0.9), json=(0.3, 1.1, 0.0, 0.7, 1.4, -0.2)),
]


@pytest.fixture(scope="module")
def config(
    base: ModelRef, experts: tuple[ModelRef, ...], partial: ModelRef, tasks: tuple[TaskDefinition, ...]
) -> WorkerConfig:
    real = tuple(ModelRef(name, str(EXPERTS / name)) for name in ("arithmetic", "json"))
    everyone = (*real, partial, next(one for one in experts if one.name == "burst"))
    population = plan_population(ModelSet.open(base, everyone), WIDTH)
    return WorkerConfig(base, everyone, tasks, "vllm", max_model_len=256, kv_cache_gib=0.125, population=population)


@pytest.fixture(scope="module")
def partial(smollm2: Path, make_lora: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    """An adapter on single parts of fused layers, in some blocks: keys without queries, gates without ups."""
    path = make_lora(tmp_path_factory.mktemp("partial") / "partial", smollm2, seed=9, rank=6, scale=0.1)
    kept = ("k_proj", "gate_proj", "layers.3.self_attn.o_proj")
    file = path / "adapter_model.safetensors"
    save_file({name: one for name, one in load_file(file).items() if any(part in name for part in kept)}, file)
    return ModelRef("partial", str(path))


@pytest.fixture(scope="module")
def call(ray_cluster: None, config: WorkerConfig) -> Iterator[Callable[..., Any]]:
    """Call a method of the probe, which owns the only engine of this module."""
    import ray

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    actor = ray.remote(Probe).options(runtime_env={"env_vars": process_environment(config)}).remote(config)
    ray.get(actor.ready.remote())
    yield lambda method, *arguments: ray.get(getattr(actor, method).remote(*arguments))
    ray.kill(actor)


def together(call: Callable[..., Any], recipes: list[Recipe], positions: list[Any] | None = None) -> list[ScoreResult]:
    return list(call("score_many", recipes, "search", positions or [None] * len(recipes)))


def logprobs(result: ScoreResult) -> list[float]:
    assert isinstance(result, ScoreResult)
    return [float(item.reference_logprob or 0.0) for item in result.items]


def difference(one: ScoreResult, other: ScoreResult) -> float:
    assert [(a.task, a.item) for a in one.items] == [(b.task, b.item) for b in other.items]
    return mean(abs(a - b) for a, b in zip(logprobs(one), logprobs(other), strict=True))


def test_adapters_answer_like_the_merged_weights(call: Callable[..., Any]) -> None:
    adapters = together(call, CANDIDATES)
    written = [call("score", one, "search") for one in CANDIDATES]
    for k, (one, other) in enumerate(zip(adapters, written, strict=True)):
        assert difference(one, other) <= SAME_CANDIDATE, k
        assert sum(a.score == b.score for a, b in zip(one.items, other.items, strict=True)) >= len(one.items) - 1
    # The tolerance tells candidates apart: every other candidate is further away than that.
    for k, one in enumerate(adapters):
        others = [difference(one, other) for j, other in enumerate(written) if j != k]
        assert min(others) > SAME_CANDIDATE


def test_adapters_without_a_change_are_the_base_to_the_last_bit(call: Callable[..., Any]) -> None:
    (alone,) = together(call, CANDIDATES[:1])
    assert logprobs(alone) == logprobs(call("score", CANDIDATES[0], "search"))


def test_a_candidate_scores_the_same_alone_and_among_others(call: Callable[..., Any]) -> None:
    everyone = together(call, CANDIDATES)
    for one, among in zip(CANDIDATES, everyone, strict=True):
        (alone,) = together(call, [one])
        assert difference(alone, among) <= SAME_ADAPTER


def test_nothing_of_a_population_is_left_for_the_next(call: Callable[..., Any]) -> None:
    first = together(call, CANDIDATES)
    assert call("adapters") == set()
    # In the same places of the engine, so that only what is left there could make a difference.
    others = together(call, CANDIDATES[::-1])
    assert logprobs(others[0]) != logprobs(first[0])
    again = together(call, CANDIDATES)
    assert [logprobs(one) for one in again] == [logprobs(one) for one in first]


def test_written_weights_are_the_same_before_and_after_a_population(call: Callable[..., Any]) -> None:
    before = call("score", CANDIDATES[1], "search")
    together(call, CANDIDATES[2:])
    assert logprobs(call("score", CANDIDATES[1], "search")) == logprobs(before)


def test_single_parts_of_fused_layers(call: Callable[..., Any]) -> None:
    one = recipe(partial=1.0, json=0.5)
    (adapter, base) = together(call, [one, CANDIDATES[0]])
    written = call("score", one, "search")
    assert difference(adapter, written) <= SAME_CANDIDATE < difference(base, written)


def test_each_candidate_has_items_of_its_own(call: Callable[..., Any]) -> None:
    results = together(call, CANDIDATES[1:3], [[0, 5], [1, 2, 6]])
    whole = together(call, CANDIDATES[1:3])
    for result, all_items, positions in zip(results, whole, ([0, 5], [1, 2, 6]), strict=True):
        assert [one.item for one in result.items] == [all_items.items[at].item for at in positions]
    assert results[0].prompt_tokens < results[1].prompt_tokens
    assert all(one.generated_tokens > 0 and one.timings_s["score"] > 0 for one in results)


def test_infeasible_candidates_are_so_alone(call: Callable[..., Any]) -> None:
    good = together(call, CANDIDATES[1:3])
    burst = recipe(burst=1.0)
    mixed = call("score_many", [CANDIDATES[1], burst, CANDIDATES[2], burst], "search", [None] * 4)
    assert isinstance(mixed[1], Infeasible) and isinstance(mixed[3], Infeasible)
    for one, other in zip(good, (mixed[0], mixed[2]), strict=True):
        assert difference(one, other) <= SAME_ADAPTER
    refused = Recipe("task_arithmetic", ("json",), "global", {"weight": {"json": (0.0,)}}, {"normalize": True})
    result, rest = call("score_many", [refused, CANDIDATES[1]], "search", [None] * 2)
    assert isinstance(result, Infeasible) and "sum to 0" in str(result)
    assert difference(rest, good[0]) <= SAME_ADAPTER


def test_memory_is_flat_over_a_hundred_candidates(call: Callable[..., Any]) -> None:
    def population(start: int) -> list[Recipe]:
        return [recipe(arithmetic=0.01 * (start + k), json=0.5) for k in range(WIDTH)]

    def run(first: int, last: int) -> float:
        for start in range(first, last, WIDTH):
            together(call, population(start), [[0]] * WIDTH)
        return float(call("resident_mib"))

    # One candidate's factors alone take 20 MiB. The allocator settles once, later on some machines; a leak goes on.
    levels = [run(start, start + 50) for start in (0, 50, 100)]
    assert min(after - before for before, after in pairwise(levels)) < 20
    assert call("adapters") == set()


def test_what_is_no_linear_merge_is_refused(call: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match="ties does not add multiples"):
        call("score_many", [Recipe("ties", ("arithmetic", "json"))], "search", [None])


def test_which_experts_allow_populations(
    base: ModelRef, smollm2: Path, config: WorkerConfig, make_lora: Callable[..., Path], tmp_path: Path
) -> None:
    real = config.experts[:2]
    plan = plan_population(ModelSet.open(base, real), 8)
    assert (plan.width, plan.rank) == (8, 16)
    assert plan.layers == ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    whole = ModelRef("whole", str(smollm2))
    with pytest.raises(ModelError, match="no LoRA adapter"):
        plan_population(ModelSet.open(base, [*real, whole]), 8)
    with pytest.raises(ModelError, match="31 blocks"):
        from merging.deep_models import with_depth

        plan_population(with_depth(ModelSet.open(base, real), 31), 8)
    path = make_lora(tmp_path / "norm", smollm2)
    weights = load_file(path / "adapter_model.safetensors")
    norm = load_file(smollm2 / "model.safetensors")["model.norm.weight"]
    save_file(weights | {"base_model.model.model.norm.weight": norm * 2}, path / "adapter_model.safetensors")
    settings = (path / "adapter_config.json").read_text().rstrip("}\n ") + ', "modules_to_save": ["norm"]}'
    (path / "adapter_config.json").write_text(settings)
    with pytest.raises(ModelError, match=r"model\.norm\.weight as a whole"):
        plan_population(ModelSet.open(base, [*real, ModelRef("norm", str(path))]), 8)


def test_a_config_with_a_population_needs_an_engine_of_its_own(config: WorkerConfig) -> None:
    assert replace(config, population=None).engine_only != config.engine_only
