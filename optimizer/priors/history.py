"""A prior from earlier experiments: where their best candidates lie in the coordinates of this search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.reading import Reader
from experiments.states import CandidateKind, CandidateState, ExperimentState
from merging.recipe import Recipe
from optimizer.priors.gaussians import history_prior
from optimizer.search.interface import Prior, Vector
from optimizer.space import Genome

_LEAST = 20
"""An earlier search with fewer scored candidates is too noisy to say where the best ones lie."""
_NEWEST = 200


def earlier_prior(genome: Genome, store: Reader, models: Mapping[str, Any], experiment: str | None) -> Prior | None:
    """Return the prior of earlier experiments with the same models and genes; None where there are none.

    Args:
        genome: centered on the start.
        store: where earlier experiments are.
        models: digests of the weight files by model name, as the record has them under ``inputs``.
        experiment: the present one, which is left out.
    """
    points: list[Vector] = []
    fitness: list[Vector] = []
    for summary in store.list_experiments(state=ExperimentState.FINISHED, limit=_NEWEST):
        earlier = summary.experiment
        resolved = earlier.resolved
        same = resolved.get("genes") == list(genome.labels) and resolved.get("inputs", {}).get("models") == models
        if earlier.id == experiment or not same:
            continue
        own, values = scored_points(genome, store, earlier.id)
        if len(own) >= _LEAST:
            points.append(own)
            fitness.append(values)
    if not points:
        return None
    count = sum(map(len, points))
    searches = "one earlier search" if len(points) == 1 else f"{len(points)} earlier searches"
    return history_prior(points, fitness, f"the best of {count} candidates of {searches} with the same models")


def scored_points(genome: Genome, store: Reader, experiment: str) -> tuple[Vector, Vector]:
    """Return the scored candidates of an experiment that this genome has, shape (n, d), and their fitness, shape (n,).

    Points are read from the recipes, since an earlier search may have had another start or other steps.
    """
    points, fitness = [], []
    for candidate in store.candidates(experiment, state=CandidateState.SCORED, kind=CandidateKind.SEARCH):
        point = genome.encode(Recipe.from_dict(candidate.recipe))
        if point is not None and candidate.fitness is not None:
            points.append(point)
            fitness.append(candidate.fitness)
    return np.array(points).reshape(len(points), genome.dimension), np.array(fitness)
