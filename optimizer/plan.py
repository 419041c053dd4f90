"""A search for a merge of models, with every reference resolved and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evals.suite import TaskSuite
from evals.tasks import ItemRef
from evals.texts import ItemText
from experiments.entities import Candidate
from experiments.reading import Reader
from experiments.spec import ExperimentSpec
from experiments.spec_search import SearchSpec
from experiments.states import Split
from merging.recipe import Recipe
from merging.similarity import similarity
from optimizer.baselines import Baseline
from optimizer.jobs import Pool
from optimizer.problem import Start
from optimizer.search.interface import Prior
from optimizer.sources import output_path
from optimizer.space import Genome
from optimizer.vocabulary import open_models
from workers.config import WorkerConfig

if TYPE_CHECKING:
    from optimizer.early import EarlyStart
    from optimizer.fleet import Fleet


@dataclass(frozen=True)
class Plan:
    """See ``optimizer.problem.Problem``.

    ``provenance`` is what the record keeps; ``inputs`` is the part of it that decides the scores, and must be the
    same when a run is resumed. ``fleet`` may hold workers of earlier experiments, and keeps those of this one; None
    starts and stops them with the run. ``early`` has begun to start Ray and workers for this run.
    """

    spec: ExperimentSpec
    source_dir: Path
    genome: Genome
    baselines: tuple[Baseline, ...]
    worker: WorkerConfig
    items: Mapping[Split, tuple[ItemRef, ...]]
    provenance: Mapping[str, Any]
    inputs: Mapping[str, Any]
    parents: Mapping[str, str]
    suite: TaskSuite
    fleet: Fleet | None = None
    early: EarlyStart | None = None

    @property
    def search(self) -> SearchSpec:
        """See ``Problem.search``."""
        return self.spec.search

    @property
    def num_workers(self) -> int:
        """See ``Problem.num_workers``."""
        return self.spec.workers.count

    @property
    def space(self) -> Genome:
        """See ``Problem.space``."""
        return self.genome

    @property
    def task_weights(self) -> dict[str, float]:
        """See ``Problem.task_weights``."""
        return {task.name: task.weight for task in self.worker.tasks}

    def start(self, plain: Sequence[Candidate]) -> Start:
        """Start at the best plain merge that the genome can express, unless the spec says where."""
        if any(parameter.init is not None for parameter in self.spec.merge.parameters.values()):
            return Start(self.genome, None)
        for candidate in plain:
            recipe = Recipe.from_dict(candidate.recipe)
            if self.genome.values(recipe) is not None:
                return Start(self.genome.centered_on(recipe), candidate)
        return Start(self.genome, None)

    def prior(self, start: Start, store: Reader, experiment: str) -> tuple[Prior | None, str]:
        """See ``Problem.prior``.

        Raises:
            SpecError: the prior that the spec names does not exist here.
        """
        from optimizer.priors import Circumstances, choose_prior

        kind = self.search.prior
        if kind == "none":
            return None, "the spec asks for none"
        models = open_models(self.worker.base, self.worker.experts, self.worker.vocabulary)
        genome = cast(Genome, start.space)
        digests = dict(self.inputs["models"])
        return choose_prior(kind, Circumstances(genome, models, self.worker.tasks, store, digests, experiment))

    def texts(self) -> list[ItemText]:
        """See ``Problem.texts``."""
        return self.suite.texts()

    def similarity(self, expired: Callable[[], bool]) -> dict[str, Any]:
        """See ``Problem.similarity``."""
        models = open_models(self.worker.base, self.worker.experts, self.worker.vocabulary)
        return similarity(models, expired).to_dict()

    def read(self, data: Mapping[str, Any]) -> Recipe:
        """See ``Problem.read``."""
        return Recipe.from_dict(data)

    def open_pool(self, say: Callable[[str], None]) -> Pool:
        """See ``Problem.open_pool``; Ray must be running."""
        from optimizer.pool import WorkerPool

        fleet = self.early.fleet if self.early is not None and self.early.begun else self.fleet
        return WorkerPool(self.worker, self.num_workers, say=say, fleet=fleet)

    def resources(self) -> AbstractContextManager[None]:
        """See ``Problem.resources``: a Ray with the cores of all workers."""
        from optimizer.cluster import ray_cluster

        if self.early is not None and self.early.begun:
            return self.early.resources()
        return ray_cluster(num_cpus=self.worker.cpus * self.num_workers)

    def output(self, experiment: str) -> Path | None:
        """See ``Problem.output``."""
        return output_path(self.spec, self.source_dir, experiment)
