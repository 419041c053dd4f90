"""The Ray actor that scores recipes."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evals.suite import TaskSuite
from workers.config import ScoreResult, WorkerConfig, process_environment

if TYPE_CHECKING:
    from merging.recipe import Recipe
    from workers.engines.base import Engine

__all__ = ["ScoreResult", "ScoringWorker", "WorkerConfig", "start_worker"]


class ScoringWorker:
    """Holds one resident engine and the task suite, and scores one recipe after the other.

    Nothing is loaded before the first call, so that a failure to start reaches the caller of that call as the
    error it is: ``EngineError``, ``ModelError`` or ``TaskError``.
    """

    def __init__(self, config: WorkerConfig) -> None:
        """Take the configuration."""
        self._config = config
        self._engine: Engine | None = None
        self._suite: TaskSuite | None = None
        self._resident: str | None = None
        self._description: dict[str, Any] = {}

    def ready(self) -> dict[str, Any]:
        """Start the engine where it is not running; returns engine, versions and start-up seconds."""
        self._start()
        return dict(self._description)

    def score(self, recipe: Recipe, split: str, positions: Sequence[int] | None = None) -> ScoreResult:
        """Score a recipe on every item of a split, or on those at some positions of it.

        A recipe that is resident already, such as one whose other items were scored just before, is not merged again.

        Raises:
            Infeasible: the merged weights or the log-probabilities are not finite.
            RecipeError: the recipe does not fit the models.
            TaskError: there is no such split or position.
            EngineError: the engine failed; its state is unknown.
        """
        engine, suite = self._start()
        timings = self._write(engine, recipe)
        before = (engine.tokens.prompt, engine.tokens.generated)
        start = time.perf_counter()
        items = tuple(suite.score(engine.lm, split, positions))
        timings["score"] = time.perf_counter() - start
        return ScoreResult(
            items=items,
            timings_s=timings,
            prompt_tokens=engine.tokens.prompt - before[0],
            generated_tokens=engine.tokens.generated - before[1],
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )

    def pid(self) -> int:
        """Process id of the worker on its node."""
        return os.getpid()

    def _start(self) -> tuple[Engine, TaskSuite]:
        if self._engine is None or self._suite is None:
            start = time.perf_counter()
            self._suite = TaskSuite.load(self._config.tasks)
            engine = _make_engine(self._config)
            if self._config.warm_recipe is not None:
                engine.prepare(self._config.warm_recipe)
            self._engine = engine
            self._description = {
                **engine.describe(),
                "worker": f"{socket.gethostname()}:{os.getpid()}",
                "startup_s": time.perf_counter() - start,
            }
        return self._engine, self._suite

    def _write(self, engine: Engine, recipe: Recipe) -> dict[str, float]:
        digest = recipe.digest()
        if digest == self._resident:
            return {}
        self._resident = None
        timings = dict(engine.write(recipe))
        self._resident = digest
        return timings


def start_worker(config: WorkerConfig) -> Any:
    """Start a scoring worker as a Ray actor; Ray must be initialized.

    The actor is never restarted by Ray: whoever asked for a score that was lost decides what to do.

    Returns:
        The actor's handle, at once; call ``ready`` to wait for the engine.
    """
    import ray

    actor = ray.remote(ScoringWorker).options(
        num_cpus=config.cpus,
        num_gpus=config.gpus,
        max_restarts=0,
        max_task_retries=0,
        runtime_env={"env_vars": process_environment(config)},
    )
    return actor.remote(config)


def _make_engine(config: WorkerConfig) -> Engine:
    if config.engine == "vllm":
        from workers.engines.vllm_engine import VllmEngine

        return VllmEngine(config)
    from workers.engines.transformers_engine import TransformersEngine

    return TransformersEngine(config)
