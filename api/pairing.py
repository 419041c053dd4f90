"""Two candidates on the same items: means, the difference with its interval, and who won where."""

from __future__ import annotations

from collections.abc import Mapping

from api.schemas.compared import PairedDifference, PairedTask, PairedView
from evals.statistics import paired_comparison
from evals.tasks import ItemRef
from experiments.comparing import Key

# Bootstrap samples times items, which is what the comparison costs.
_VALUES = 500_000
_DRAWS = (1_000, 10_000)


def paired_view(
    number: int, against: int, ours: Mapping[Key, float], theirs: Mapping[Key, float], weights: Mapping[str, float]
) -> PairedView:
    """Compare two candidates.

    Args:
        number: of the candidate.
        against: of the other one.
        ours: the candidate's scores by task and item.
        theirs: the other one's.
        weights: of the tasks; one that has none counts once, and all do where no common item's task has a weight.
    """
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        reason = f"candidates {number} and {against} have no scored item of this split in common"
        return PairedView(number=number, against=against, overall=None, tasks=[], reason=reason)
    tasks = list(dict.fromkeys(task for task, _ in common))
    shares = {task: weights.get(task, 1.0) for task in tasks}
    if not sum(shares.values()):
        shares = dict.fromkeys(tasks, 1.0)
    by_task = {
        task: _difference([key for key in common if key[0] == task], ours, theirs, {task: 1.0}) for task in tasks
    }
    parts = [PairedTask(task=task, **one.model_dump()) for task, one in by_task.items()]
    overall = by_task[tasks[0]] if len(tasks) == 1 else _difference(common, ours, theirs, shares)
    return PairedView(number=number, against=against, overall=overall, tasks=parts, reason=None)


def _difference(
    keys: list[Key], ours: Mapping[Key, float], theirs: Mapping[Key, float], weights: Mapping[str, float]
) -> PairedDifference:
    fewest, most = _DRAWS
    draws = min(most, max(fewest, _VALUES // len(keys)))
    a, b = ({ItemRef(*key): scores[key] for key in keys} for scores in (ours, theirs))
    found = paired_comparison(a, b, weights, draws=draws)
    return PairedDifference(
        items=found.n,
        mean=_mean(a, weights),
        against_mean=_mean(b, weights),
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p_value,
        wins=found.wins,
        losses=found.losses,
        ties=found.n - found.wins - found.losses,
    )


def _mean(scores: Mapping[ItemRef, float], weights: Mapping[str, float]) -> float:
    by_task: dict[str, list[float]] = {}
    for ref, score in scores.items():
        by_task.setdefault(ref.task, []).append(score)
    total = sum(weights[task] for task in by_task)
    return sum(weights[task] / total * sum(values) / len(values) for task, values in by_task.items())
