"""The Ray actor that scores recipes."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from evals.local.scorer import watch
from evals.provenance import Provenance, Way, provenance_of
from evals.suite import TaskSuite
from evomerge.errors import EngineError, Infeasible
from merging.recipe import Recipe
from workers.config import ScoreResult, WorkerConfig, process_environment
from workers.engines.making import load_libraries, make_engine
from workers.memory import check_room, explained
from workers.population import Trial
from workers.progress import PREPARING, SCORING, beat, start_guard, under_watch
from workers.swaps import obstacle

if TYPE_CHECKING:
    from evals.tasks import ItemScore
    from workers.engines.base import Answered, Engine

__all__ = ["ScoreResult", "ScoringWorker", "WorkerConfig", "start_worker"]


# Ray's name for the thread that is told about the next candidate while another one scores the present one.
AHEAD = "ahead"
# Of the trial whose outcome is in ``Trial``: enough that a GPU is busy, few enough for seconds on a CPU.
TRIAL_ITEMS, TRIAL_SWAPS = 32, 4


class ScoringWorker:
    """Holds one resident engine and the task suite, and scores one recipe after the other.

    Nothing is loaded before the first call, so that a failure to start reaches the caller of that call as the
    error it is: ``EngineError``, ``ModelError`` or ``TaskError``.
    """

    def __init__(self, config: WorkerConfig, *, guarded: bool = False) -> None:
        """Take the configuration; ``guarded`` gives this process to a guard that may kill it."""
        if guarded:
            start_guard(config.stall_seconds)
            watch(beat)
        self._config = config
        self._engine: Engine | None = None
        self._suite: TaskSuite | None = None
        self._resident: str | None = None
        self._adopted = False  # whether the engine is that of the configuration
        self._description: dict[str, Any] = {}
        self._provenance: dict[Way, Provenance] = {}

    def ready(self) -> dict[str, Any]:
        """Start the engine where it is not running; returns engine, versions, provenance and start-up seconds."""
        self._start()
        return dict(self._description)

    def load(self) -> None:
        """Load the engine's libraries, which is half of a start, and nothing of a model."""
        with explained(), under_watch(PREPARING):
            load_libraries(self._config)

    def adopt(self, config: WorkerConfig, *, same_tasks: bool = False) -> dict[str, Any]:
        """Go on with another experiment on the same engine; returns what ``ready`` returns.

        The base may be another checkpoint that can take the place of the present one (``workers.swaps``): what it
        costs is writing its weights. Tasks are read again, since their files may have changed since the last
        experiment; ``same_tasks`` keeps them, with the prompts that were built.

        A worker that has no engine yet goes on with any configuration that its process fits.

        Raises:
            EngineError: the configuration needs another engine.
            TaskError: a task cannot be used.
            ModelError: an expert cannot be opened.
        """
        if self._engine is None and config.process_only == self._config.process_only:
            self._config = config
            return self.ready()
        if replace(config.engine_only, base=self._config.base) != self._config.engine_only:
            raise EngineError("the worker's engine does not fit the configuration: start another worker")
        if config.base != self._config.base and (why := obstacle(self._config.base, config.base)) is not None:
            raise EngineError(f"{config.base.path} cannot take the place of {self._config.base.path}: {why}")
        if config != self._config:
            if not same_tasks or config.tasks != self._config.tasks:
                self._suite = None
            self._config = config
            self._resident = None
            self._adopted = False
        return self.ready()

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
        with explained(), under_watch(PREPARING):
            timings = self._write(engine, recipe)
        before = (engine.tokens.prompt, engine.tokens.generated)
        start = time.perf_counter()
        with explained(), under_watch(SCORING):
            items = tuple(suite.score(engine.lm, split, positions))
        timings["score"] = time.perf_counter() - start
        return ScoreResult(
            items=items,
            timings_s=timings,
            prompt_tokens=engine.tokens.prompt - before[0],
            generated_tokens=engine.tokens.generated - before[1],
            worker=f"{socket.gethostname()}:{os.getpid()}",
            provenance=self._provenance["in place"],
        )

    def score_many(
        self, recipes: Sequence[Recipe], split: str, positions: Sequence[Sequence[int] | None]
    ) -> list[ScoreResult | Infeasible]:
        """Score several recipes as one population (``WorkerConfig.population``), each on items of its own.

        A recipe whose log-probabilities are not finite is infeasible alone. Seconds are the common ones divided by
        the number of recipes.

        Args:
            recipes: at most the population's width.
            split: of all of them.
            positions: for each recipe as in :meth:`score`.

        Raises:
            RecipeError: a recipe is no linear merge of the models.
            TaskError: there is no such split or position.
            EngineError: the engine failed, or cannot score populations.
        """
        first = self._score_together(recipes, split, positions)
        failed = [k for k, one in enumerate(first) if isinstance(one, Infeasible)]
        if len(failed) < 2:
            return first
        # NaN that one candidate leaves in the engine's caches can reach another one of its batch.
        for k in failed:
            first[k] = self._score_together([recipes[k]], split, [positions[k]])[0]
        return first

    def screen(
        self, center: Recipe, recipes: Sequence[Recipe], split: str, positions: Sequence[Sequence[int] | None]
    ) -> list[ScoreResult | Infeasible]:
        """Score several recipes as adapters on the weights of another, of truncated task vectors.

        What an adapter adds is what the recipe differs by from the center, so that little is lost where they are close.

        Args:
            center: linear merge that is written; where it is infeasible, so is everything around it.
            recipes: linear merges, at most as many as the width of ``WorkerConfig.population``.
            split: of all of them.
            positions: for each recipe as in :meth:`score`.

        Raises:
            RecipeError: a recipe is no linear merge of the models.
            TaskError: there is no such split or position.
            EngineError: the engine failed, or cannot screen.
        """
        try:
            return self._score_together(recipes, split, positions, center)
        except Infeasible as error:
            return [error] * len(recipes)

    def try_population(self) -> Trial:
        """Measure both ways of scoring on the first search items (``WorkerConfig.population``).

        Raises:
            EngineError: the engine failed, or cannot score populations.
        """
        assert self._config.population is not None
        width = self._config.population.width
        _, suite = self._start()
        items = list(range(min(TRIAL_ITEMS, len(suite.items("search")))))
        names = tuple(expert.name for expert in self._config.experts)
        share = [0.5 + 0.5 * k / width for k in range(width)]
        recipes = [
            Recipe("task_arithmetic", names, "global", {"weight": {name: (one / len(names),) for name in names}})
            for one in share
        ]
        # The first time of everything takes longer: kernels are compiled, buffers grow.
        self.score(recipes[-1], "search", items)
        self.score_many(recipes, "search", [items] * width)
        start = time.perf_counter()
        for recipe in recipes[:TRIAL_SWAPS]:
            self.score(recipe, "search", items)
        swapped = time.perf_counter()
        self.score_many(recipes, "search", [items] * width)
        ended = time.perf_counter()
        swaps = min(TRIAL_SWAPS, width)
        return Trial(width, len(items), (swapped - start) / swaps, (ended - swapped) / width)

    def merge_ahead(self, recipe: Recipe) -> None:
        """Begin to merge the recipe that is scored next, where ``WorkerConfig.ahead`` says so; from another thread."""
        if self._engine is not None:
            self._engine.merge_ahead(recipe)

    def pid(self) -> int:
        """Process id of the worker on its node."""
        return os.getpid()

    def _start(self) -> tuple[Engine, TaskSuite]:
        if self._engine is not None and self._suite is not None and self._adopted:
            return self._engine, self._suite
        with explained(), under_watch(PREPARING):
            start = time.perf_counter()
            suite = self._suite or TaskSuite.load(self._config.tasks)
            if self._engine is None:
                check_room(self._config)
                self._engine = make_engine(self._config)
            else:
                self._engine.adopt(self._config)
            if self._config.warm_recipe is not None:
                self._engine.prepare(self._config.warm_recipe)
            self._suite, self._adopted = suite, True
            engine, tokenizer, seed = self._engine.describe(), self._engine.lm.tokenizer, self._config.seed
            self._provenance = {way: provenance_of(suite, tokenizer, engine, seed, way) for way in get_args(Way)}
            self._description = {
                **engine,
                "provenance": self._provenance["in place"],
                "losses": dict(self._engine.losses),
                "worker": f"{socket.gethostname()}:{os.getpid()}",
                "startup_s": time.perf_counter() - start,
            }
        return self._engine, suite

    def _score_together(
        self,
        recipes: Sequence[Recipe],
        split: str,
        positions: Sequence[Sequence[int] | None],
        center: Recipe | None = None,
    ) -> list[ScoreResult | Infeasible]:
        engine, suite = self._start()
        with explained(), under_watch(PREPARING):
            base = Recipe("task_arithmetic", recipes[0].models, "global", {"lambda": (0.0,)}, {})
            self._write(engine, center or base)
        scorings = [functools.partial(suite.score, engine.lm, split, chosen) for chosen in positions]
        start = time.perf_counter()
        with explained(), under_watch(SCORING):
            answered = engine.together(recipes, scorings, center)
        share = (time.perf_counter() - start) / len(recipes)
        return [self._result(one, share) for one in answered]

    def _result(self, answered: Answered[list[ItemScore]], seconds: float) -> ScoreResult | Infeasible:
        if isinstance(answered.error, Infeasible):
            return answered.error
        if answered.error is not None:
            raise answered.error
        return ScoreResult(
            items=tuple(answered.result or ()),
            timings_s={"score": seconds},
            prompt_tokens=answered.prompt_tokens,
            generated_tokens=answered.generated_tokens,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            provenance=self._provenance["as adapters"],
        )

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

    The actor is never restarted by Ray: whoever asked for a score that was lost decides what to do. A guard on its
    node kills it where it hangs, and clears up behind it whatever it dies of.

    Returns:
        The actor's handle, at once; call ``ready`` to wait for the engine.
    """
    import ray

    groups = {"concurrency_groups": {AHEAD: 1}} if config.ahead else {}
    actor = ray.remote(
        num_cpus=config.cpus,
        num_gpus=config.gpus,
        max_restarts=0,
        max_task_retries=0,
        runtime_env={"env_vars": process_environment(config)},
        **groups,
    )(ScoringWorker)
    return actor.remote(config, guarded=True)
