"""What a result must keep of its parents' scores, and who does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.spec_search import ConstraintSpec
from optimizer.search.interface import Vector
from optimizer.tables import SplitTable

# Means of the same scores in another order differ in their last bits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Floor:
    """A task whose score may be at most ``max_drop`` below that of one parent on the same items."""

    task: str
    max_drop: float
    reference: int
    label: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return vars(self) | {}


def choose_floors(
    constraints: Sequence[ConstraintSpec], table: SplitTable, base: int, parents: Mapping[int, str]
) -> list[Floor]:
    """Name the parent that each constraint compares with.

    Args:
        constraints: of the spec.
        table: scores of the search items.
        base: number of the base.
        parents: label of base and experts by number, those alone that could be scored.
    """
    floors = []
    for one in constraints:
        number = base
        if one.versus == "best_parent":
            number = max(parents, key=lambda parent: (_mean(table, parent, one.task), -parent))
        floors.append(Floor(one.task, one.max_drop, number, parents[number]))
    return floors


def floor_values(floors: Sequence[Floor], table: SplitTable) -> Vector | None:
    """Return the least mean value of every task for ``SearchItems.floors``; None without floors.

    In a search a value holds the reference term too, so these floors steer; :func:`breaches` decides.
    """
    if not floors:
        return None
    least = np.full(len(table.task_names), np.nan)
    for floor in floors:
        task = table.task_names.index(floor.task)
        means = table.items.task_means(table.scores(floor.reference))
        least[task] = np.fmax(least[task], means[task] - floor.max_drop)
    return least


def breaches(floors: Sequence[Floor], table: SplitTable, number: int) -> list[str]:
    """Return one sentence for each floor that a candidate is below on the items that it was scored on."""
    found = []
    for floor in floors:
        own, other = table.raw(number), table.raw(floor.reference)
        common = np.intersect1d(own.positions, other.positions)
        common = common[table.items.tasks[common] == table.task_names.index(floor.task)]
        if not len(common):
            continue
        mine = float(own.values[np.isin(own.positions, common)].mean())
        theirs = float(other.values[np.isin(other.positions, common)].mean())
        if mine < theirs - floor.max_drop - _ROUNDING:
            found.append(
                f"{floor.task}: {mine:.3f} is {theirs - mine:.3f} below {floor.label}'s {theirs:.3f} "
                f"on {len(common)} items, {floor.max_drop:g} is allowed"
            )
    return found


def _mean(table: SplitTable, number: int, task: str) -> float:
    scores = table.by_task(number).get(task, [])
    return sum(scores) / len(scores) if scores else -np.inf
