"""From the item scores of one candidate to the number that the search maximizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evals.tasks import ItemScore
from evomerge.errors import InvalidInput, nearest

# Smallest log-likelihood of a reference answer that counts, in nats.
REFERENCE_FLOOR = -25.0


@dataclass(frozen=True)
class Fitness:
    """What the search maximizes, and what it is made of.

    Attributes:
        value: weighted mean over tasks, the reference term included; larger is better.
        tasks: mean score of each task, without the reference term.
        n: scored items over all tasks.
    """

    value: float
    tasks: Mapping[str, float]
    n: int


def fitness(
    items: Sequence[ItemScore],
    weights: Mapping[str, float],
    reference_weight: float,
    reference_floor: float = REFERENCE_FLOOR,
) -> Fitness:
    """Weigh the tasks' mean scores and add a small share of the reference answers' log-likelihood.

    value = sum over tasks t of w_t / sum(w) * mean over items of item_value

    The score alone is a step function: on 64 items most neighbouring candidates tie. The log-likelihood of
    the reference answers moves with every weight, so a small ``reference_weight`` (0.01, say) breaks ties and
    tells a wrong answer that is nearly right from a hopeless one. The floor keeps one impossible answer from
    outweighing all others. Items without a log-likelihood, which are the same ones for every candidate, add their score
    alone.

    Args:
        items: scores of one candidate.
        weights: weight of each task by name; tasks without items do not count.
        reference_weight: score that one nat of log-likelihood is worth.
        reference_floor: smallest log-likelihood that counts, in nats.

    Raises:
        InvalidInput: no items, a task without a weight, or weights that sum to nothing.
    """
    by_task: dict[str, list[ItemScore]] = {}
    for item in items:
        by_task.setdefault(item.task, []).append(item)
    for task in by_task:
        if task not in weights:
            raise InvalidInput("weights", f"task {task!r} has no weight", nearest(task, weights))
    total = sum(weights[task] for task in by_task)
    if not total > 0:
        raise InvalidInput("items", f"{len(items)} items of total task weight {total}", "give items and weights")
    value = 0.0
    means = {}
    for task, scores in by_task.items():
        means[task] = fmean(item.score for item in scores)
        value += weights[task] / total * fmean(item_value(item, reference_weight, reference_floor) for item in scores)
    return Fitness(value, means, len(items))


def item_value(item: ItemScore, reference_weight: float, reference_floor: float = REFERENCE_FLOOR) -> float:
    """Return what one item adds to the mean of its task: score + reference_weight * max(log p, floor)."""
    if item.reference_logprob is None:
        return item.score
    return item.score + reference_weight * max(item.reference_logprob, reference_floor)
