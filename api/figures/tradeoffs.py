"""What candidates reach on each task, and how much their front covers as the search goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import moocore
import numpy as np
from numpy.typing import NDArray

from api.schemas.quality import Hypervolumes, Scored, Tradeoffs
from evals.statistics import summed_interval
from experiments.entities import Experiment
from experiments.quantities import search_items
from experiments.sampling import stride
from experiments.states import CandidateKind
from experiments.store import Store
from experiments.task_scores import TaskScored

_BASE = "base"
# Steps of the hypervolume, and tasks beyond which its exact volume takes too long.
_STEPS = 60
_MOST_TASKS = 6


def tradeoffs(store: Store, experiment: Experiment, limit: int) -> Tradeoffs:
    """Return the candidates that were scored on all search items, by task."""
    total, items = store.progress(experiment.id).candidates, search_items(experiment)
    outcome = store.decisions(experiment.id).get("outcome") or {}
    every, front = stride(total, limit), outcome.get("front", ())
    found = [] if items is None else store.task_scores(experiment.id, items, every=every, always=front)
    tasks = sorted({task for one in found for task in one.tasks})
    known = [one for one in found if len(one.tasks) == len(tasks)]
    scores = {task: [_scored(one.tasks[task]) for one in known] for task in tasks}
    base = next((one for one in known if one.kind is CandidateKind.BASELINE and one.label == _BASE), None)
    reference = {task: 0.0 if base is None else float(base.tasks[task]["score"]) for task in tasks}
    return Tradeoffs(
        reason=_without(experiment, tasks),
        total=total,
        every=every,
        number=[one.number for one in known],
        kind=[one.kind for one in known],
        label=[one.label for one in known],
        mean={task: [one.mean for one in scores[task]] for task in tasks},
        low={task: [one.low for one in scores[task]] for task in tasks},
        high={task: [one.high for one in scores[task]] for task in tasks},
        reference=reference,
        base=None if base is None else base.number,
        hypervolumes=_hypervolumes(store, experiment, known, reference) if 1 < len(tasks) <= _MOST_TASKS else None,
    )


def _without(experiment: Experiment, tasks: Sequence[str]) -> str | None:
    if len(tasks) > 1:
        return None
    if len(experiment.resolved.get("tasks", {})) > 1:
        return "Nobody has been scored on all search items yet."
    return "There is one task; trade-offs need two or more."


def _scored(summary: Mapping[str, Any]) -> Scored:
    """Return the interval of what was kept of a task's items; it has no width where an older version kept no spread."""
    items, mean = int(summary["items"]), float(summary["score"])
    total, squares = items * mean, items * mean**2 + items * (items - 1) * (summary["stderr"] or 0.0) ** 2
    # Squares of 0 and 1 are 0 and 1.
    found = summed_interval(items, total, squares, binary=abs(squares - total) < 1e-6 * items)
    return Scored(**vars(found), items=items)


def _hypervolumes(
    store: Store, experiment: Experiment, known: Sequence[TaskScored], reference: Mapping[str, float]
) -> Hypervolumes:
    """Return what the front of the candidates up to each update of the search covers, or up to each of equal parts."""
    total = store.progress(experiment.id).candidates
    updates = store.trace(experiment.id, points=_STEPS).rows
    parts = min(_STEPS, total)
    asked = [row.number for row in updates] or [total * (part + 1) // parts for part in range(parts)]
    ends = [number for number in asked if number < total]
    point = np.array(list(reference.values()))
    points = np.array([[one.tasks[task]["score"] for task in reference] for one in known])
    numbers = np.array([one.number for one in known])
    volumes, front, first = [], np.empty((0, len(reference))), 0
    for end in [*ends, total]:
        last = int(np.searchsorted(numbers, end))
        front = np.vstack([front, points[first:last]])
        if len(front):
            front = front[moocore.is_nondominated(front, maximise=True)]
        volumes.append(_volume(front, point))
        first = last
    plain = [one.kind is CandidateKind.BASELINE for one in known]
    return Hypervolumes(
        asked=[*ends, total],
        update=[row.updates for row in updates if row.number < total] if updates else [],
        volume=volumes,
        baselines=_volume(points[plain], point),
    )


def _volume(points: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    return float(moocore.hypervolume(points, ref=reference, maximise=True)) if len(points) else 0.0
