"""The trade-offs between tasks: what no other candidate beats, how much that covers, and who stands for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import moocore
import numpy as np

from optimizer.search.estimates import Observations
from optimizer.search.interface import Vector
from optimizer.search.irt import POSTERIORS
from optimizer.search.pareto import hypervolume
from optimizer.tables import SplitTable

# Where all candidates of a front have the same score on a task, it still has some extent there.
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class Front:
    """The candidates that no other one beats, judged by their estimated scores on all search items.

    Scores are without the reference term. A candidate that is as good on every task and better on one beats another.

    Args:
        numbers: of the candidates, in the order in which they were asked for.
        tasks: names of the tasks.
        means: posterior mean of every candidate's score on each task, shape (candidates, tasks).
        deviations: posterior standard deviations, shape (candidates, tasks); 0 where all items were scored.
    """

    numbers: tuple[int, ...]
    tasks: tuple[str, ...]
    means: Vector
    deviations: Vector

    def hypervolume(self, reference: Vector) -> float:
        """Return the volume of scores that the front reaches above a reference point, shape (tasks,)."""
        return hypervolume(self.means, reference)

    def representatives(self, count: int) -> list[int]:
        """Return up to ``count`` candidates that cover the front, each the one that adds most to those before it.

        What they cover is measured from as far below the front's lowest scores as its scores are spread, so that its
        ends count as well.
        """
        if not self.numbers:
            return []
        lowest = self.means.min(axis=0)
        reference = lowest - np.maximum(self.means.max(axis=0) - lowest, _LEAST_SPREAD)
        chosen: list[int] = []
        while len(chosen) < min(count, len(self.numbers)):
            rest = [row for row in range(len(self.numbers)) if row not in chosen]
            covered = [hypervolume(self.means[[*chosen, row]], reference) for row in rest]
            chosen.append(rest[int(np.argmax(covered))])
        return [self.numbers[row] for row in chosen]


def draw_front(estimator: str, table: SplitTable, numbers: Sequence[int]) -> Front:
    """Find the front of some candidates, which may have been scored on different items.

    An estimate is the mean of what a score may be given all scores of all candidates, so the best of many are not too
    good to be true, as the best of many plain means would be.

    Args:
        estimator: ``effects`` or ``pirt``.
        table: scores of the search items.
        numbers: candidates with at least one score.
    """
    if not numbers:
        return Front((), table.task_names, np.zeros((0, len(table.task_names))), np.zeros((0, len(table.task_names))))
    posteriors = POSTERIORS[estimator](table.items, Observations.of([[table.raw(number)] for number in numbers]))
    means = np.column_stack([one.mean for one in posteriors])
    deviations = np.sqrt(np.column_stack([one.variance for one in posteriors]))
    (rows,) = np.nonzero(moocore.is_nondominated(means, maximise=True, keep_weakly=True))
    tasks = tuple(table.task_names[one.task] for one in posteriors)
    return Front(tuple(numbers[row] for row in rows), tasks, means[rows], deviations[rows])


@dataclass(frozen=True)
class Estimate:
    """Posterior mean and standard deviation of a score on all search items of a task."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Tradeoff:
    """A candidate of the front, by task: its estimates on the search items and its means on the selection items.

    ``selection`` is None for who did not race to the end.
    """

    number: int
    label: str
    search: Mapping[str, Estimate]
    selection: Mapping[str, float] | None


@dataclass(frozen=True)
class Tradeoffs:
    """The front as it is reported.

    Args:
        reference: score of the base on the search items of each task; 0 where it could not be scored.
        hypervolume: volume of scores that the front reaches above the reference: what is better than the base on
            every task.
        members: of the front, in the order in which they were asked for.
        confirmed: numbers of the members that no other member beats on the selection items, of those that have them.
    """

    reference: Mapping[str, float]
    hypervolume: float
    members: tuple[Tradeoff, ...]
    confirmed: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self)


def report_front(
    front: Front, search: SplitTable, selection: SplitTable, labels: Mapping[int, str], base: int | None
) -> Tradeoffs:
    """Put a front together for people.

    Args:
        front: of the search items.
        search: scores on these.
        selection: scores on the selection items, of which there may be none.
        labels: of the candidates by number.
        base: number of the base; None where it was not scored.
    """
    reference = dict.fromkeys(front.tasks, 0.0) if base is None else _means(search, base)
    raced = {n: _means(selection, n) for n in front.numbers if _is_complete(selection, n)}
    members = tuple(
        Tradeoff(number, labels[number], dict(zip(front.tasks, map(Estimate, mean, deviation), strict=True)),
                 raced.get(number))
        for number, mean, deviation in zip(
            front.numbers, front.means.tolist(), front.deviations.tolist(), strict=True
        )
    )  # fmt: skip
    points = np.array([[means[task] for task in front.tasks] for means in raced.values()])
    kept = moocore.is_nondominated(points, maximise=True, keep_weakly=True) if raced else []
    volume = front.hypervolume(np.array([reference[task] for task in front.tasks]))
    return Tradeoffs(reference, volume, members, tuple(n for n, keep in zip(raced, kept, strict=True) if keep))


def _is_complete(table: SplitTable, number: int) -> bool:
    return 0 < len(table.raw(number).positions) == table.items.count


def _means(table: SplitTable, number: int) -> dict[str, float]:
    return {task: sum(scores) / len(scores) for task, scores in table.by_task(number).items()}
