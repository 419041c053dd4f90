"""Keeping the elements of a task vector whose magnitude lies in a band, in one or two passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from merging.counting import place_of_equal
from merging.operators.base import Option, Options, TensorInputs
from merging.operators.fills import Band, Banded, Fill, Segment
from merging.operators.thresholds import Cut, Population, population_of
from merging.vectors import Vector

EQUAL_MAGNITUDES = Option(
    "equal_magnitudes",
    "all",
    ("all", "by_position", "torch_sort"),
    "Keep all elements that are as large as the smallest kept one, or exactly as many as the density says: of equal "
    "ones the first, or those that torch's unstable sort leaves in front, as mergekit does.",
)


@dataclass(frozen=True)
class Ranking:
    """The magnitudes of one tensor.

    Args:
        flat: the task vector.
        population: its magnitudes.
        descending: how torch is to sort them.
    """

    flat: Vector
    population: Population
    descending: bool = False

    @cached_property
    def places(self) -> Tensor:
        """Where torch's unstable sort puts each magnitude, int32; found when first asked for, which is slow."""
        order = torch.argsort(self.flat[:].abs(), descending=self.descending)
        places = torch.empty(len(order), dtype=torch.int32)
        places[order] = torch.arange(len(order), dtype=torch.int32)
        return places


def rankings(tensor: TensorInputs, *, descending: bool = False) -> tuple[Ranking | None, ...]:
    """Rank every expert's magnitudes in one tensor: sorted for many look-ups, or counted for a single merge."""
    once = tensor.values is not None
    return tuple(
        None if vector is None else Ranking(vector, population_of(vector, once), descending)
        for vector in tensor.vectors
    )


def banded(flat: Vector, segments: Sequence[Segment]) -> Fill:
    """Return the fill that keeps each segment's band; segments are in order and cover the tensor."""
    if len(segments) == 1:
        return Band(flat, segments[0].low, segments[0].high)
    return Banded(flat, segments)


def trimmed(flat: Vector, threshold: float) -> Fill:
    """Return the fill that keeps elements of at least ``threshold`` in magnitude and zeroes the others."""
    return banded(flat, [Segment(len(flat), below(threshold))])


def largest(ranking: Ranking, kept: int, options: Options) -> Fill:
    """Return the fill that keeps the ``kept`` largest elements; of equal ones the first under ``by_position``."""
    flat = ranking.flat
    if options["equal_magnitudes"] == "all":
        return trimmed(flat, ranking.population.magnitude(kept))
    cut = ranking.population.cut(kept)
    if not cut.splits:
        return trimmed(flat, cut.magnitude)
    if options["equal_magnitudes"] == "torch_sort":
        return _placed(ranking, 0, kept)
    return banded(flat, [Segment(end_of(flat, cut), below(cut.magnitude)), Segment(len(flat), cut.magnitude)])


def between(ranking: Ranking, kept: int, outliers: int, options: Options) -> Fill:
    """Return the fill that drops the ``outliers`` largest elements and keeps the ``kept`` largest of the rest.

    Under ``by_position`` the last of equal elements count as the larger ones.
    """
    flat, size, population = ranking.flat, len(ranking.flat), ranking.population
    if options["equal_magnitudes"] == "all":
        # The largest that stays; nothing equal to it goes.
        smallest, largest = (population.magnitude(count) for count in (outliers + kept, outliers + 1))
        return banded(flat, [Segment(size, below(smallest), above(largest))])
    low = population.cut(outliers + kept)
    dropped = population.cut(outliers) if outliers else Cut(math.inf, 0, 0)
    if not low.splits and not dropped.splits:
        return banded(flat, [Segment(size, below(low.magnitude), dropped.magnitude)])
    if options["equal_magnitudes"] == "torch_sort":
        return _placed(ranking, size - outliers - kept, size - outliers)
    return banded(flat, _between_last(flat, low, dropped))


def _between_last(flat: Vector, low: Cut, high: Cut) -> list[Segment]:
    size = len(flat)
    lowest = place_of_equal(flat, low.magnitude, low.among, backwards=True) if low.splits else 0
    highest = place_of_equal(flat, high.magnitude, high.among, backwards=True) if high.splits else 0
    segments = []
    for stop in sorted({lowest, highest, size}):
        inside = below(low.magnitude) if stop > lowest else low.magnitude
        outside = high.magnitude if stop > highest else above(high.magnitude)
        segments.append(Segment(stop, inside, outside))
    return segments


def _placed(ranking: Ranking, first: int, stop: int) -> Fill:
    """Return the fill that keeps the elements that the sort puts from ``first`` to before ``stop``."""
    flat, places = ranking.flat, ranking.places.numpy().view(np.uint32)

    def fill(span: slice, out: Tensor) -> None:
        # One unsigned comparison does for both ends: what lies before the first wraps round to a large number.
        inside = places[span] - np.uint32(first) < np.uint32(stop - first)
        torch.mul(flat[span], torch.from_numpy(inside), out=out)

    return fill


def below(magnitude: float) -> float:
    """Return the next smaller fp32 number, at least 0."""
    return float(np.nextafter(np.float32(magnitude), np.float32(0.0)))


def above(magnitude: float) -> float:
    """Return the next larger fp32 number."""
    return float(np.nextafter(np.float32(magnitude), np.float32(np.inf)))


def end_of(flat: Vector, cut: Cut) -> int:
    """Return the index after the last of the first elements of a cut's magnitude that are above the cut."""
    return place_of_equal(flat, cut.magnitude, cut.among, backwards=False)
