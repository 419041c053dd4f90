"""Scoring workers as Ray actors: tensor-parallel and transformers engines, typed errors, sudden death."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import failures
import psutil
import pytest

from evals.suite import TaskSuite
from evals.tasks import TaskDefinition
from evomerge.errors import EngineError, Infeasible, ModelError, RecipeError, TaskError
from merging.export import export_checkpoint
from merging.materialize import Materializer
from merging.models import ModelRef, ModelSet
from merging.recipe import Recipe
from workers.worker import ScoringWorker, WorkerConfig, start_worker

Tiny = tuple[ModelRef, tuple[ModelRef, ...]]
STALL_S = 8.0


def recipe(north: float, south: float, **fields: Any) -> Recipe:
    weights = {"weight": {"north": (north,), "south": (south,)}}
    return Recipe("task_arithmetic", ("north", "south"), coefficients=weights, **fields)


@pytest.fixture(scope="module")
def config(tiny: Tiny, tasks: tuple[TaskDefinition, ...]) -> WorkerConfig:
    base, experts = tiny
    return WorkerConfig(base, experts, tasks, "transformers", dtype="float32", max_model_len=256)


@pytest.fixture
def workers(ray_cluster: None) -> Iterator[Callable[[WorkerConfig], Any]]:
    import ray

    started: list[Any] = []

    def start(config: WorkerConfig) -> Any:
        started.append(start_worker(config))
        return started[-1]

    yield start
    for actor in started:
        ray.kill(actor)


def test_both_engines_score_alike_and_a_killed_one_leaves_nothing(
    workers: Callable[[WorkerConfig], Any], config: WorkerConfig
) -> None:
    import ray
    from ray.exceptions import RayActorError

    parallel = workers(replace(config, engine="vllm", tensor_parallel=2, kv_cache_gib=0.0625))
    plain = workers(config)
    description = ray.get(parallel.ready.remote())
    assert (description["tensor_parallel"], description["writes"]) == (2, "in place")
    for each in (recipe(1.0, 0.0), recipe(-0.5, 1.5, granularity="layer")):
        expected = ray.get(plain.score.remote(each, "search"))
        found = ray.get(parallel.score.remote(each, "search"))
        assert [item.item for item in found.items] == [item.item for item in expected.items]
        for mine, other in zip(found.items, expected.items, strict=True):
            assert mine.reference_logprob == pytest.approx(other.reference_logprob, abs=2e-3)
            assert mine.score == other.score
            # vLLM stops where the score is certain.
            assert str(other.output).startswith(str(mine.output))

    processes = failures.family(ray.get(parallel.pid.remote()))
    paths = failures.traces(processes)
    assert len(processes) >= 4 and any(path.parent == failures.SHARED_MEMORY for path in paths)
    with pytest.raises(RayActorError):
        ray.get(parallel.score.remote(recipe(0.1, 0.2), "search", failures.positions(failures.die())))
    failures.no_trace(processes, paths)


def test_tensor_parallel_worker_that_is_no_longer_needed_leaves_nothing(
    workers: Callable[[WorkerConfig], Any], config: WorkerConfig
) -> None:
    """Ray kills the children of a worker that it ends, whoever they are and whatever they were about to clear away."""
    import ray

    worker = workers(replace(config, engine="vllm", tensor_parallel=2, kv_cache_gib=0.0625))
    ray.get(worker.ready.remote())
    processes = failures.family(ray.get(worker.pid.remote()))
    paths = failures.traces(processes)
    ray.kill(worker)
    failures.no_trace(processes, paths)


def test_vllm_that_hangs_with_the_interpreter_locked_is_killed(
    workers: Callable[[WorkerConfig], Any], config: WorkerConfig
) -> None:
    import ray
    from ray.exceptions import RayActorError

    worker = workers(replace(config, engine="vllm", kv_cache_gib=0.0625, stall_seconds=STALL_S))
    slow = failures.positions(failures.creep(2 * STALL_S))
    assert len(ray.get(worker.score.remote(recipe(0.1, 0.2), "search", slow)).items) == 8
    processes = failures.family(ray.get(worker.pid.remote()))
    paths = failures.traces(processes)
    with pytest.raises(RayActorError):
        ray.get(worker.score.remote(recipe(0.1, 0.2), "search", failures.positions(failures.hang())))
    failures.no_trace(processes, paths)


def test_transformers_weights_answer_like_a_fresh_model_from_the_export(config: WorkerConfig, tmp_path: Path) -> None:
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from workers.engines.transformers_engine import TransformersEngine

    engine = TransformersEngine(config)
    suite = TaskSuite.load(config.tasks)
    materializer = Materializer(ModelSet.open(config.base, config.experts))
    scores = []
    for number, each in enumerate((recipe(0.7, 0.3), recipe(-1.0, 2.0), recipe(0.7, 0.3))):
        assert set(engine.write(each)) == {"apply"}
        export = export_checkpoint(materializer, each, tmp_path / str(number), card="").path
        model = AutoModelForCausalLM.from_pretrained(export, dtype="float32")
        fresh = HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(export), batch_size=16)
        scores.append(suite.score(engine.lm, "search"))
        assert scores[-1] == suite.score(fresh, "search")
    assert scores[0] == scores[2] != scores[1]
    assert engine.tokens.prompt > engine.tokens.generated > 0
    engine.close()


def test_errors_reach_the_caller_as_what_they_are(workers: Callable[[WorkerConfig], Any], config: WorkerConfig) -> None:
    import ray

    worker = workers(config)
    burst = Recipe("task_arithmetic", ("burst",), coefficients={"weight": {"burst": (1e6,)}})
    with pytest.raises(Infeasible, match="finite"):
        ray.get(worker.score.remote(burst, "search"))
    with pytest.raises(RecipeError) as caught:
        ray.get(worker.score.remote(Recipe("task_arithmetic", ("north", "west")), "search"))
    assert caught.value.cause.field == "recipe.models"
    with pytest.raises(TaskError, match="is not a split"):
        ray.get(worker.score.remote(recipe(1.0, 0.0), "serch"))
    whole = ray.get(worker.score.remote(recipe(1.0, 0.0), "search"))
    assert len(whole.items) == 8
    part = ray.get(worker.score.remote(recipe(1.0, 0.0), "search", (2, 5)))
    assert part.items == (whole.items[2], whole.items[5])
    assert set(part.timings_s) == {"score"}  # still resident


def test_what_cannot_start_is_named(config: WorkerConfig, tmp_path: Path) -> None:
    missing = replace(config.tasks[0], source=str(tmp_path / "nothing.yaml"))
    elsewhere = ModelRef("base", str(tmp_path / "nowhere"))
    with pytest.raises(TaskError, match=r"nothing\.yaml"):
        ScoringWorker(replace(config, tasks=(missing,))).ready()
    with pytest.raises(ModelError, match="nowhere"):
        ScoringWorker(replace(config, base=elsewhere)).ready()
    with pytest.raises(EngineError, match="tensor_parallel: 1"):
        ScoringWorker(replace(config, tensor_parallel=2)).ready()


def test_a_killed_driver_leaves_no_worker(config: WorkerConfig, tmp_path: Path) -> None:
    """The driver is a process of its own with a Ray cluster of its own."""
    import ray

    (tmp_path / "config.pickle").write_bytes(ray.cloudpickle.dumps(config))
    script = textwrap.dedent(
        """
        import json, logging, pickle, sys, time
        from pathlib import Path
        import psutil, ray
        from workers.worker import start_worker
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False,
                 logging_level=logging.ERROR, object_store_memory=100 * 2**20, _node_ip_address="127.0.0.1")
        worker = start_worker(pickle.loads(Path(sys.argv[1]).read_bytes()))
        ray.get(worker.ready.remote())
        # The agents of Ray itself end some time after the raylet that they watch.
        children = psutil.Process().children(recursive=True)
        ours = [child.pid for child in children if "Agent" not in child.name()]
        print(json.dumps([ray.get(worker.pid.remote()), *ours]), flush=True)
        time.sleep(600)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path / "config.pickle")]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    pids = json.loads(driver.stdout.readline())
    tree = [psutil.Process(pid) for pid in dict.fromkeys(pids)]
    assert all(failures.is_alive(process) for process in tree)
    driver.kill()
    driver.wait()
    driver.stdout.close()
    failures.no_trace(tree, [])
