"""Choosing items by what is known of them: an even sample of all kinds, or those that tell models apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_ROUNDS = 30
_SMALLEST_DEVIATION = 1e-12


@dataclass(frozen=True)
class Responses:
    """How candidates scored on items, as an incomplete table; no cell is given twice.

    Args:
        items: name of every column.
        candidates: number of rows.
        rows, columns: of every score, shape (m,).
        values: the scores, shape (m,).
    """

    items: tuple[str, ...]
    candidates: int
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    values: Vector

    @classmethod
    def of(cls, scores: Iterable[tuple[int, str, float]]) -> Responses:
        """Collect scores of any candidates, by their id, on any items."""
        table = {(candidate, item): score for candidate, item, score in scores}
        items = tuple(sorted({item for _, item in table}))
        candidates = sorted({candidate for candidate, _ in table})
        row = {candidate: index for index, candidate in enumerate(candidates)}
        column = {item: index for index, item in enumerate(items)}
        return cls(
            items,
            len(candidates),
            np.array([row[candidate] for candidate, _ in table], dtype=np.intp),
            np.array([column[item] for _, item in table], dtype=np.intp),
            np.array(list(table.values()), dtype=np.float64),
        )

    def counts(self) -> dict[str, int]:
        """Return how many candidates were scored on each item."""
        return dict(zip(self.items, map(int, np.bincount(self.columns, minlength=len(self.items))), strict=True))


def ease(responses: Responses) -> dict[str, float]:
    """Return the mean score of every item as if all candidates had been scored on it.

    Candidates that a race keeps longer are better and meet more items, so plain means would call late items easy.
    """
    return dict(zip(responses.items, map(float, _item_levels(responses)), strict=True))


def discrimination(responses: Responses) -> dict[str, float]:
    """Return by how much every item tells candidates apart: its variance times its corrected item-total correlation.

    The correlation is with what the same candidates score on the other items. Alone it prefers items that hardly any
    candidate gets right, which add nothing to a mean; the variance alone would take items that all guess. Their product
    ranks other candidates better than the reliability index, deviation times correlation (Gulliksen 1950, Theory of
    Mental Tests, ch. 21).
    """
    rows, columns = responses.rows, responses.columns
    rest = responses.values - _item_levels(responses)[columns]
    per_row = np.bincount(rows, minlength=responses.candidates)
    others = (np.bincount(rows, rest, responses.candidates)[rows] - rest) / np.maximum(per_row - 1, 1)[rows]
    count = len(responses.items)

    def mean(values: Vector) -> Vector:
        return np.bincount(columns, values, count) / np.bincount(columns, minlength=count)

    x, y = responses.values - mean(responses.values)[columns], others - mean(others)[columns]
    found = np.sqrt(mean(x * x)) * mean(x * y) / np.maximum(np.sqrt(mean(y * y)), _SMALLEST_DEVIATION)
    return dict(zip(responses.items, map(float, found), strict=True))


def highest(items: Sequence[str], values: Mapping[str, float], count: int) -> tuple[str, ...]:
    """Return the items with the highest values; of equal ones those that come first."""
    return tuple(sorted(items, key=lambda item: -values[item])[:count])


def stratified(items: Sequence[str], values: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return a systematic sample: the items in the order of their values, taken at equal distances.

    Every value, or part of a range of numbers, has its share of the sample to within one item. Items of the same value
    are taken in the given order.

    Raises:
        ValueError: there are fewer items than asked for.
    """
    if not 0 < count <= len(items):
        raise ValueError(f"{count} of {len(items)} items")
    ordered = sorted(items, key=lambda item: _order(values[item]))
    return tuple(ordered[(2 * place + 1) * len(ordered) // (2 * count)] for place in range(count))


def _item_levels(responses: Responses) -> Vector:
    """Fit score = candidate + item by alternating least squares; returns the items, shape (items,)."""
    rows, columns, values = responses.rows, responses.columns, responses.values
    per_row = np.bincount(rows, minlength=responses.candidates)
    per_column = np.bincount(columns, minlength=len(responses.items))
    candidate = np.zeros(responses.candidates)
    level = np.zeros(len(responses.items))
    for _ in range(_ROUNDS):
        level = np.bincount(columns, values - candidate[rows], len(level)) / per_column
        candidate = np.bincount(rows, values - level[columns], len(candidate)) / per_row
        candidate -= candidate.mean()
    return level


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value))
