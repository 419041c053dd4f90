"""Mean scores with their intervals, from sums over items."""

from __future__ import annotations

from collections.abc import Mapping

from api.schemas.quality import Scored, SplitScored
from evals.statistics import Interval, summed_difference, summed_interval, weighted_interval
from experiments.moments import Moments, PairMoments


def scored(by_task: Mapping[str, Moments], weights: Mapping[str, float]) -> SplitScored:
    """Return the weighted mean of a candidate's scores on a split, and the mean of each task.

    Args:
        by_task: sums of at least one task.
        weights: of tasks by name; one that has none counts once, and all do where none has any.
    """
    parts = {
        task: summed_interval(one.items, one.total, one.squares, binary=one.binary) for task, one in by_task.items()
    }
    tasks = {task: Scored(**vars(one), items=by_task[task].items) for task, one in parts.items()}
    overall = weighted_interval(parts, _shares(by_task, weights))
    return SplitScored(**vars(overall), items=sum(one.items for one in by_task.values()), tasks=tasks)


def difference(by_task: Mapping[str, PairMoments], weights: Mapping[str, float]) -> Interval:
    """Return the weighted mean difference of two candidates on the items that both were scored on."""
    parts = {
        task: summed_difference(
            one.ours.items,
            (one.ours.total, one.ours.squares),
            (one.theirs.total, one.theirs.squares),
            one.products,
            binary=one.ours.binary and one.theirs.binary,
        )
        for task, one in by_task.items()
    }
    return weighted_interval(parts, _shares(by_task, weights))


def _shares(tasks: Mapping[str, object], weights: Mapping[str, float]) -> dict[str, float]:
    found = {task: weights.get(task, 1.0) for task in tasks}
    # Tasks that only the report has weigh nothing: among themselves they count alike.
    return found if any(found.values()) else dict.fromkeys(found, 1.0)
