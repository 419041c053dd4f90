"""Workers that were started while a spec was being checked are those of its run, and go where it ends early."""

from __future__ import annotations

from typing import Any

import failures
import pytest
import ray

from evals.tasks import TaskDefinition
from experiments.spec_sections import WorkersSpec
from experiments.states import Split
from merging.models import ModelRef
from merging.recipe import Recipe
from optimizer.early import EarlyStart
from optimizer.jobs import Job, Work
from optimizer.pool import WorkerPool
from workers.config import WorkerConfig

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost", ray.util.get_node_ip_address()])
SPEC = WorkersSpec(engine="transformers", count=1)


def test_an_early_worker_scores_the_run_and_all_ends_with_it(tiny_experiment: Any) -> None:
    folder = tiny_experiment.folder
    base, a, b = (ModelRef(name, str(folder / name)) for name in ("base", "a", "b"))
    task = TaskDefinition("words", str(folder / "words.yaml"), "exact_match", search=8, selection=1, test=1)
    config = WorkerConfig(base, (a, b), (task,), "transformers", dtype="float32", max_model_len=256, cpus=1)
    with EarlyStart() as early:
        early.begin(SPEC, 1)
        with early.resources():
            assert len(early.fleet) == 1
            pool = WorkerPool(config, 1, fleet=early.fleet)
            assert len(early.fleet) == 0
            failures.wait_until(lambda: pool.next_worker is not None or bool(pool.wait(0.5)), "a free worker", 120)
            weights = {"weight": {"a": (0.3,), "b": (0.5,)}}
            pool.submit(Job(Work(0, Split.SEARCH), Recipe("task_arithmetic", ("a", "b"), coefficients=weights), None))
            pool.begin()
            ended: list[Any] = []
            failures.wait_until(lambda: (one := pool.wait(0.5)) is not None and not ended.append(one), "a score", 120)
            assert ended[0].kind == "done" and len(ended[0].result.items) == 8
            processes = failures.family(failures.pid_of(pool.descriptions[0]["worker"]))
            pool.close()
        assert not ray.is_initialized()
        failures.no_trace(processes, [])


def test_a_spec_that_is_refused_leaves_nothing() -> None:
    with pytest.raises(ValueError, match="refused"), EarlyStart() as early:
        early.begin(SPEC, 1)
        assert early.begun
        raise ValueError("refused")
    assert not ray.is_initialized()
