"""Item scores of all candidates on one split, as arrays: what fitness, races and constraints are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evals.fitness import item_value
from evals.tasks import ItemRef, ItemScore
from experiments.states import WHOLE
from optimizer.search.interface import Positions, Scores, SearchItems, Vector


class SplitTable:
    """One row for each candidate that was scored on the split; NaN where an item is not scored yet.

    Args:
        refs: the items of the split in scoring order.
        weights: weight of each task by name, in the order in which tasks are numbered.
        reference_weight: see ``evals.fitness.fitness``.
    """

    def __init__(
        self,
        refs: Sequence[ItemRef],
        weights: Mapping[str, float],
        reference_weight: float,
    ) -> None:
        """Start without scores, all items in one block."""
        self.refs = tuple(refs)
        self.task_names = tuple(weights)
        numbers = {name: number for number, name in enumerate(weights)}
        tasks = np.array([numbers[ref.task] for ref in refs], dtype=np.intp)
        whole = (np.arange(len(tasks)),)
        self.items = SearchItems(tasks, np.array(list(weights.values()), dtype=np.float64), whole)
        self._reference_weight = reference_weight
        self._places = {ref: position for position, ref in enumerate(refs)}
        self._values: dict[int, Vector] = {}
        self._raw: dict[int, Vector] = {}

    def frame(self, blocks: tuple[Positions, ...], floors: Vector | None = None) -> None:
        """Cut the items into blocks and set the least mean value of every task, see ``SearchItems``."""
        self.items = replace(self.items, blocks=blocks, floors=floors)

    def positions(self, block: int) -> Positions:
        """Return the positions of a block's items."""
        return np.arange(self.items.count) if block == WHOLE else self.items.blocks[block]

    def add(self, number: int, items: Sequence[ItemScore]) -> Scores:
        """Take scores of a candidate in and return them as the search sees them, by position."""
        values = self._values.setdefault(number, np.full(self.items.count, np.nan))
        raw = self._raw.setdefault(number, np.full(self.items.count, np.nan))
        scores = self.read(items)
        values[scores.positions] = scores.values
        for item in items:
            raw[self._places[ItemRef(item.task, item.item)]] = item.score
        return scores

    def read(self, items: Sequence[ItemScore]) -> Scores:
        """Return scores as the search sees them, by position, without taking them in."""
        values = {self._places[ItemRef(one.task, one.item)]: item_value(one, self._reference_weight) for one in items}
        positions = np.array(sorted(values), dtype=np.intp)
        return Scores(positions, np.array([values[position] for position in positions.tolist()], dtype=np.float64))

    def __contains__(self, number: int) -> bool:
        """Return whether the candidate has any score."""
        return number in self._values

    def scores(self, number: int, block: int | None = None) -> Scores:
        """Return the values of a candidate's scored items; with ``block``, those of that block alone."""
        return _scored(self._values.get(number), self.items.count, None if block is None else self.positions(block))

    def raw(self, number: int) -> Scores:
        """Return the scores of a candidate's items without the reference term."""
        return _scored(self._raw.get(number), self.items.count, None)

    def fitness(self, number: int) -> float:
        """Return the weighted fitness over all items that the candidate was scored on, without any floor's penalty."""
        scores = self.scores(number)
        return float(self.items.item_weights(scores.positions) @ scores.values)

    def by_task(self, number: int) -> dict[str, list[float]]:
        """Return the scores of a candidate's items by task, without the reference term."""
        found: dict[str, list[float]] = {}
        raw = self.raw(number)
        for position, score in zip(raw.positions, raw.values, strict=True):
            found.setdefault(self.refs[position].task, []).append(float(score))
        return found


def _scored(row: Vector | None, count: int, within: Positions | None) -> Scores:
    if row is None:
        return Scores(np.zeros(0, np.intp), np.zeros(0))
    positions = np.arange(count) if within is None else within
    positions = positions[~np.isnan(row[positions])]
    return Scores(positions, row[positions])
