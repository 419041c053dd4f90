"""The memory that a worker is planned with against what a real one takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from evals.tasks import TaskDefinition
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from workers.config import WorkerConfig
from workers.footprint import footprint
from workers.worker import start_worker

LONGEST = 128


def recipe(method: str, **more: float) -> Recipe:
    each = {name: {"north": (value,), "south": (value,)} for name, value in {"weight": 0.5, **more}.items()}
    return Recipe(method, ("north", "south"), coefficients=each)


@pytest.fixture(scope="module")
def config(base: ModelRef, experts: tuple[ModelRef, ...], tasks: tuple[TaskDefinition, ...]) -> WorkerConfig:
    return WorkerConfig(base, experts[:2], tasks, max_model_len=512, kv_cache_gib=0.125)


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_a_worker_takes_what_was_planned(ray_cluster: None, config: WorkerConfig, engine: str) -> None:
    import ray

    config = replace(config, engine=engine)  # type: ignore[arg-type]
    planned = footprint(config, ModelSet.open(config.base, config.experts), ("task_arithmetic", "ties"), LONGEST)
    actor = start_worker(config)
    ray.get(actor.ready.remote())
    for one in (recipe("task_arithmetic"), recipe("ties", density=0.5)):
        ray.get(actor.score.remote(one, "search"))
    taken = psutil.Process(ray.get(actor.pid.remote())).memory_info().rss
    ray.kill(actor)
    # Pages of files count as far as the worker has touched them.
    assert 0.7 * planned.worker < taken < 1.3 * (planned.worker + planned.mapped), (taken / 2**30, planned)


def test_parts_follow_from_shapes(config: WorkerConfig, smollm2: Path) -> None:
    models = ModelSet.open(config.base, config.experts)
    planned = footprint(config, models, ("task_arithmetic", "ties"), LONGEST)
    blocks = 30 * (2 * 576 * 576 + 2 * 192 * 576 + 3 * 1536 * 576)
    assert planned.node["task vectors"] == 2 * 4 * blocks
    assert planned.node["operator state"] == 2 * 4 * blocks
    # Nothing of it is each worker's own, unless there is no room to share it.
    assert planned.apart().worker == planned.worker + 2 * 2 * 4 * blocks == planned.worker + planned.prepared
    adapters = sum(file.stat().st_size for name in ("north", "south") for file in models.weight_files()[name])
    weights = sum(models.tensor_info(name).nbytes for name in models.tensor_names())
    assert planned.node["files"] == planned.apart().mapped == weights + adapters
    assert planned.host["packed weights"] == 2 * (blocks + 49152 * 576)
    assert planned.kv_token == 2 * 2 * 30 * 3 * 64
    assert planned.device == {}
    with_gpu = footprint(replace(config, gpus=1), models, ("task_arithmetic",), LONGEST)
    assert with_gpu.device["weights"] == planned.host["weights"]
    assert "packed weights" not in with_gpu.host


def test_full_experts_stay_files_where_all_methods_read_them_by_span(config: WorkerConfig, smollm2: Path) -> None:
    models = ModelSet.open(config.base, (ModelRef("other", str(smollm2)),))
    weights = sum(models.tensor_info(name).nbytes for name in models.tensor_names())
    by_span = footprint(config, models, ("task_arithmetic",), LONGEST)
    assert by_span.mapped == by_span.node["files"] == 2 * weights
    assert by_span.node["task vectors"] == 0
    whole = footprint(config, models, ("task_arithmetic", "iso_c"), LONGEST)
    assert whole.node["task vectors"] == 2 * weights
    assert whole.assumed == ("iso_c",)
