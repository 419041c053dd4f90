"""The k-th largest magnitude of task vectors, exactly: from sorted magnitudes, or by counting bit patterns.

The bit patterns of non-negative floats are ordered as the floats are. A histogram of the upper 15 bits says which
cell holds the k-th largest, a second one of the lower 16 bits inside that cell says where. Nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from merging.counting import CELLS, FINE, Counts, count_cells, count_within, located
from merging.operators.base import MergeInputs, TensorInputs
from merging.threads import Threads
from merging.vectors import Vector

_INFINITE = 0x7F80
"""First cell of infinity and NaN."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cut:
    """Where the k largest elements of a population end.

    Args:
        magnitude: of the k-th largest element; 0 where fewer than k elements are not zero.
        among: how many elements of exactly that magnitude are among the k largest.
        equal: how many elements have it.
    """

    magnitude: float
    among: int
    equal: int

    @property
    def splits(self) -> bool:
        """Whether some, but not all, elements of one magnitude are among the k largest."""
        return self.magnitude > 0.0 and self.among < self.equal


class Population(Protocol):
    """The magnitudes of some task-vector elements.

    Args:
        count: elements, zeros that are not stored included.
    """

    @property
    def count(self) -> int:
        """Number of elements."""

    @property
    def finite(self) -> bool:
        """Whether no element is NaN or infinite."""

    def cut(self, kept: int) -> Cut:
        """Return where the ``kept`` largest elements end; ``kept`` is at least 1."""

    def magnitude(self, kept: int) -> float:
        """Return the magnitude of that cut, which may be all that is asked for."""


@dataclass(frozen=True)
class Magnitudes:
    """Sorted magnitudes of one population; zeros may be only counted.

    Args:
        ascending: fp32 magnitudes in ascending order.
        count: size of the population, at least ``len(ascending)``; the difference is elements that are
            zero and not stored.
    """

    ascending: Floats
    count: int

    @property
    def finite(self) -> bool:
        """Whether no element is NaN or infinite; both sort last."""
        return not len(self.ascending) or math.isfinite(self.ascending[-1])

    def magnitude(self, kept: int) -> float:
        """Look up the magnitude of a cut."""
        stored = len(self.ascending)
        return 0.0 if kept > stored else float(self.ascending[stored - kept])

    def cut(self, kept: int) -> Cut:
        """Look up where the ``kept`` largest elements end."""
        stored = len(self.ascending)
        if kept > stored:
            return Cut(0.0, 0, 0)
        magnitude = self.ascending[stored - kept]
        first, last = (int(np.searchsorted(self.ascending, magnitude, side=side)) for side in ("left", "right"))
        return Cut(float(magnitude), kept - stored + last, last - first)

    def threshold(self, density: float) -> float:
        """Return the magnitude of the k-th largest element, see :func:`kept_elements`."""
        return 0.0 if density >= 1.0 else self.magnitude(kept_elements(density, self.count))


def sorted_magnitudes(vectors: Sequence[Vector], count: int) -> Magnitudes:
    """Sort the magnitudes of all elements of some task vectors into one population."""
    magnitudes = np.empty(sum(map(len, vectors)), dtype=np.float32)
    start = 0
    for vector in vectors:
        stop = start + len(vector)
        np.abs(vector[:].numpy(), out=magnitudes[start:stop])
        start = stop
    magnitudes.sort()
    return Magnitudes(magnitudes, count)


@dataclass(frozen=True)
class Counted:
    """One tensor as a population whose cuts are counted when they are asked for; keeps nothing else."""

    flat: Vector

    @property
    def count(self) -> int:
        """Number of elements."""
        return len(self.flat)

    @property
    def finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return not self._coarse[_INFINITE:].any()

    @cached_property
    def _coarse(self) -> Counts:
        return _coarse(self.flat)

    def cut(self, kept: int) -> Cut:
        """Count where the ``kept`` largest elements end."""
        cell, rank = located(self._coarse, kept)
        return _cut(cell, rank, _fine(self.flat, cell))

    def magnitude(self, kept: int) -> float:
        """Count up to the magnitude of a cut."""
        return self.cut(kept).magnitude


@dataclass(frozen=True)
class Known:
    """A population of which only the cuts that will be asked for are known."""

    count: int
    cuts: dict[int, Cut]
    finite: bool

    def cut(self, kept: int) -> Cut:
        """Look up where the ``kept`` largest elements end."""
        return self.cuts[kept]

    def magnitude(self, kept: int) -> float:
        """Look up the magnitude of a cut."""
        return self.cuts[kept].magnitude


def population_of(vector: Vector, once: bool) -> Population:
    """Return a tensor's magnitudes, sorted for many look-ups, or counted where one merge is all there is."""
    return Counted(vector) if once else sorted_magnitudes([vector], len(vector))


def kept_elements(density: float, count: int) -> int:
    """Return how many elements a density keeps: its share of ``count`` rounded down, and at least one."""
    return max(1, int(density * count))


Asked = Callable[[TensorInputs], Sequence[float] | None]
"""Which density a tensor asks of each expert; None where the tensor is outside the populations."""


def counted_populations(inputs: MergeInputs, asked: Asked) -> tuple[Known, ...]:
    """Return each expert's whole task vector as a population, by reading the model twice.

    Args:
        inputs: read tensor by tensor on all threads; elements that an expert does not change count as zeros.
        asked: says which cuts will be asked for.
    """
    threads = Threads()
    counts = [np.zeros(CELLS, dtype=np.int64) for _ in inputs.models]
    densities: list[set[float]] = [set() for _ in inputs.models]
    names: dict[str, int] = {}

    def coarse(name: str) -> tuple[TensorInputs, list[Counts]]:
        tensor = inputs.load(name)
        return replace(tensor, deltas=()), [] if asked(tensor) is None else list(map(_coarse, tensor.vectors))

    for tensor, found in threads.map(coarse, inputs.names):
        for expert, density in enumerate(asked(tensor) or ()):
            names[tensor.name] = tensor.base.numel()
            counts[expert] += found[expert]
            if density < 1.0:
                densities[expert].add(density)
    total = sum(names.values())
    places = [
        {kept: located(count, kept) for kept in {kept_elements(density, total) for density in wanted}}
        for count, wanted in zip(counts, densities, strict=True)
    ]
    fines = [{cell: np.zeros(FINE, dtype=np.int64) for cell, _ in found.values() if cell >= 0} for found in places]

    def fine(name: str) -> list[list[Counts]]:
        vectors = inputs.load(name).vectors
        return [[_fine(vector, cell) for cell in cells] for vector, cells in zip(vectors, fines, strict=True)]

    for parts in threads.map(fine, names if any(fines) else ()):
        for cells, part in zip(fines, parts, strict=True):
            for total_in_cell, one in zip(cells.values(), part, strict=True):
                total_in_cell += one
    return tuple(
        Known(
            total,
            {kept: _cut(cell, rank, cells.get(cell)) for kept, (cell, rank) in found.items()},
            not count[_INFINITE:].any(),
        )
        for found, cells, count in zip(places, fines, counts, strict=True)
    )


def _coarse(vector: Vector | None) -> Counts:
    return np.zeros(CELLS, dtype=np.int64) if vector is None else count_cells(vector)


def _fine(vector: Vector | None, cell: int) -> Counts:
    return np.zeros(FINE, dtype=np.int64) if vector is None else count_within(vector, cell)


def _cut(cell: int, rank: int, fine: Counts | None) -> Cut:
    if fine is None or cell < 0:
        return Cut(0.0, 0, 0)
    low, among = located(fine, rank)
    magnitude = np.array([cell << 16 | low], dtype=np.int32).view(np.float32)[0]
    return Cut(float(magnitude), among, int(fine[low]))
