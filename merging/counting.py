"""Compiled loops that count, rank and compare task vectors; see :mod:`merging.loops` for what they are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from merging.compiled import compiled
from merging.elements import MAGNITUDE, UPPER, bits_of, change, load
from merging.loops import array
from merging.vectors import StoredVector, Vector

Counts = npt.NDArray[np.int64]

LONGEST_ROW = 1 << 13
"""Most elements that :func:`rank_rows` ranks together."""
CELLS, FINE = 1 << 15, 1 << 16
"""How many cells the upper 15 bits of a magnitude tell apart, and how many magnitudes in one its lower 16 bits."""
_LOWER, _LOW, _ONE = np.uint32(0xFFFF), np.uint64(0xFFFFFFFF), np.uint32(1)
_WORD, _MANTISSA = np.uint64(32), 23
_OCTAVES = 12
# Magnitudes are computed for so many elements at a time, as vectors, before they are looked at one by one. A longer run
# seldom is without a hit.
_RUN = 256
# Moves per element after which insertion alone is given up.
_PATIENCE = 16


def arrays(vector: Vector) -> tuple[Any, Any]:
    """Return the base and the task vector of a flat vector as the loops take them; an fp32 one needs no base."""
    if isinstance(vector, StoredVector):
        return array(vector.base), array(vector.expert)
    return array(vector), array(vector)


def count_cells(vector: Vector) -> Counts:
    """Return, for the upper 15 bits of a magnitude, how many elements have them."""
    # Neighbours often share a cell; two tables, so that neither waits for the other's count.
    even, odd = np.zeros((2, CELLS), dtype=np.int64)
    _count_cells(*arrays(vector), even, odd, np.empty(_RUN, dtype=np.uint16))
    return np.add(even, odd, out=even)


@compiled
def _count_cells(base: Any, delta: Any, even: Any, odd: Any, cells: Any) -> None:
    for start in range(0, len(delta), len(cells)):
        lanes = min(len(cells), len(delta) - start)
        for lane in range(lanes):
            cells[np.uint64(lane)] = np.uint16(_magnitude(base, delta, np.uint64(start + lane)) >> UPPER)
        for lane in range(0, lanes - 1, 2):
            even[cells[np.uint64(lane)]] += 1
            odd[cells[np.uint64(lane + 1)]] += 1
        if lanes & 1:
            even[cells[lanes - 1]] += 1


def count_within(vector: Vector, cell: int) -> Counts:
    """Return, for the lower 16 bits of a magnitude, how many elements of one cell have them."""
    counts = np.zeros(FINE, dtype=np.int64)
    _count_within(*arrays(vector), cell, counts, np.empty(_RUN, dtype=np.uint32))
    return counts


@compiled
def _count_within(base: Any, delta: Any, cell: Any, counts: Any, run: Any) -> None:
    wanted = np.uint32(cell)
    for start in range(0, len(delta), len(run)):
        lanes = min(len(run), len(delta) - start)
        hits = np.uint32(0)
        for lane in range(lanes):
            bits = _magnitude(base, delta, np.uint64(start + lane))
            run[np.uint64(lane)] = bits
            hits += np.uint32(bits >> UPPER == wanted)
        if hits:
            # What belongs to the cell moves to the front, without a branch that could be mispredicted.
            found = np.uint64(0)
            for lane in range(lanes):
                bits = run[np.uint64(lane)]
                run[found] = bits
                found += np.uint64(bits >> UPPER == wanted)
            for place in range(found):
                counts[run[np.uint64(place)] & _LOWER] += 1


@compiled
def located(counts: Any, kept: Any) -> Any:
    """Return the last place from which upward ``kept`` are counted, and how many of its own are among them.

    ``kept`` is at least 1; the place is -1 where there are fewer.
    """
    above = np.int64(0)
    for place in range(len(counts) - 1, -1, -1):
        if above + counts[place] >= kept:
            return place, kept - above
        above += counts[place]
    return -1, 0


def place_of_equal(vector: Vector, magnitude: float, count: int, *, backwards: bool) -> int:
    """Return the index that cuts off the first (backwards: last) ``count`` elements of a magnitude.

    Raises:
        ValueError: there are fewer.
    """
    wanted = np.float32(magnitude).view(np.uint32)
    place = int(_place_of_equal(*arrays(vector), wanted, count, backwards))
    if place < 0:
        raise ValueError(f"there are fewer than {count} elements of magnitude {magnitude}")
    return place


@compiled
def _place_of_equal(base: Any, delta: Any, wanted: Any, count: Any, backwards: Any) -> Any:
    runs = (len(delta) + _RUN - 1) // _RUN
    for run in range(runs):
        start = (runs - 1 - run if backwards else run) * _RUN
        lanes = min(_RUN, len(delta) - start)
        hits = np.uint32(0)
        for lane in range(lanes):
            hits += np.uint32(_magnitude(base, delta, np.uint64(start + lane)) == wanted)
        if hits < count:
            count -= hits
            continue
        for lane in range(lanes):
            i = start + (lanes - 1 - lane if backwards else lane)
            count -= _magnitude(base, delta, i) == wanted
            if count == 0:
                return i if backwards else i + 1
    return -1


@compiled
def _magnitude(base: Any, delta: Any, i: Any) -> Any:
    """The bits of an element's magnitude."""
    return np.uint32(bits_of(change(delta, load(base, i), i)) & MAGNITUDE)


def rank_rows(vector: Vector, length: int, ranks: Any) -> None:
    """Write each element's rank by magnitude within its row, ascending from 0; equal ones rank by position.

    Args:
        vector: flat.
        length: of a row, at most ``LONGEST_ROW``.
        ranks: int16 or int32, as long as ``vector``.
    """
    # Cells divide each octave below the row's largest magnitude so finely that few elements share one; what is
    # smaller than the last octave shares a cell, zeros have their own, and insertion puts the rest in order.
    finest = max(0, math.ceil(math.log2(length / 8)))
    starts = np.empty(_OCTAVES * (1 << finest) + 3, dtype=np.int32)
    magnitudes, places = np.empty((2, length), dtype=np.uint32)
    keys = np.empty(length, dtype=np.uint64)
    _rank_rows(*arrays(vector), ranks, np.uint32(_MANTISSA - finest), magnitudes, places, starts, keys)


@compiled
def _rank_rows(
    base: Any, delta: Any, ranks: Any, shift: Any, magnitudes: Any, places: Any, starts: Any, keys: Any
) -> None:
    length = len(keys)
    last = np.uint32(len(starts) - 3)
    for first in range(0, len(delta), length):
        top = np.uint32(0)
        for i in range(length):
            bits = _magnitude(base, delta, np.uint64(first + i))
            magnitudes[np.uint64(i)] = bits
            top = max(top, bits)
        for i in range(len(starts)):
            starts[i] = 0
        for i in range(length):
            bits = magnitudes[np.uint64(i)]
            below = np.uint32(last - min(np.uint32((top - bits) >> shift), np.uint32(last - _ONE)))
            places[np.uint64(i)] = below if bits else np.uint32(0)
        for i in range(length):
            starts[places[np.uint64(i)] + 1] += 1
        for i in range(1, last + 2):
            starts[i] += starts[i - 1]
        for i in range(length):
            place = places[np.uint64(i)]
            keys[np.uint64(starts[place])] = (np.uint64(magnitudes[np.uint64(i)]) << _WORD) | np.uint64(i)
            starts[place] += 1
        _finish_sort(keys)
        for i in range(length):
            ranks[np.uint64(first) + (keys[np.uint64(i)] & _LOW)] = i


@compiled
def _finish_sort(keys: Any) -> None:
    """Sort keys that are nearly in order; where they are not, from wide gaps to narrow ones (Shell 1959)."""
    gap = 1
    if not _inserted(keys, gap, _PATIENCE * len(keys)):
        gap = len(keys)
        while gap > 1:
            gap = max(1, gap * 4 // 9)
            _inserted(keys, gap, len(keys) * len(keys))


@compiled
def _inserted(keys: Any, gap: Any, most: Any) -> Any:
    """Sort each sequence of keys ``gap`` apart by insertion; gives up, and returns False, after ``most`` moves."""
    moves = 0
    for i in range(gap, len(keys)):
        key = keys[i]
        j = i
        while j >= gap and keys[j - gap] > key:
            keys[j] = keys[j - gap]
            j -= gap
            moves += 1
        keys[j] = key
        if moves > most:
            return False
    return True


@compiled
def variances(base: Any, deltas: Any, experts: Any, out: Any) -> Any:
    """Write each element's population variance over all experts, computed in fp64; returns how many are not zero.

    Args:
        base: flat.
        deltas: a tuple of task vectors, all of one kind.
        experts: how many there are, those at zero included, which have no task vector here.
        out: fp32.
    """
    nonzero = 0
    absent = np.float64(experts - len(deltas))
    for i in range(len(out)):
        source = load(base, i)
        mean = np.float64(0.0)
        for k in range(len(deltas)):
            mean += np.float64(change(deltas[k], source, i))
        mean /= np.float64(experts)
        # Each absent expert is at zero, one mean away from the mean.
        total = absent * mean * mean
        for k in range(len(deltas)):
            apart = np.float64(change(deltas[k], source, i)) - mean
            total += apart * apart
        value = np.float32(total / np.float64(experts))
        out[i] = value
        nonzero += value != np.float32(0.0)
    return nonzero
