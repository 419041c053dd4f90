"""A search for a merge of models, with every reference resolved and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.tasks import ItemRef
from experiments.entities import Candidate
from experiments.spec import ExperimentSpec
from experiments.spec_search import SearchSpec
from experiments.states import Split
from merging.recipe import Recipe
from optimizer.baselines import Baseline
from optimizer.jobs import Pool
from optimizer.problem import Start
from optimizer.search.interface import Prior
from optimizer.space import Genome
from workers.config import WorkerConfig


@dataclass(frozen=True)
class Plan:
    """See ``optimizer.problem.Problem``.

    ``provenance`` is what the record keeps; ``inputs`` is the part of it that decides the scores, and must be the
    same when a run is resumed.
    """

    spec: ExperimentSpec
    source_dir: Path
    genome: Genome
    baselines: tuple[Baseline, ...]
    worker: WorkerConfig
    items: Mapping[Split, tuple[ItemRef, ...]]
    provenance: Mapping[str, Any]
    inputs: Mapping[str, Any]

    @property
    def search(self) -> SearchSpec:
        """See ``Problem.search``."""
        return self.spec.search

    @property
    def num_workers(self) -> int:
        """See ``Problem.num_workers``."""
        return self.spec.workers.count

    @property
    def num_cpus(self) -> float:
        """CPU cores of all workers together."""
        return self.worker.cpus * self.num_workers

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

    def prior(self, start: Start) -> tuple[Prior | None, str]:
        """See ``Problem.prior``."""
        return None, "the spec asks for none"

    def read(self, data: Mapping[str, Any]) -> Recipe:
        """See ``Problem.read``."""
        return Recipe.from_dict(data)

    def open_pool(self) -> Pool:
        """See ``Problem.open_pool``; Ray must be running."""
        from optimizer.pool import WorkerPool

        return WorkerPool(self.worker, self.num_workers)
