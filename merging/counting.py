"""Compiled loops that count, rank and compare task vectors; see :mod:`merging.loops` for what they are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from merging.compiled import compiled
from merging.elements import MAGNITUDE, UPPER, bits_of, change, load
from merging.loops import array
from merging.vectors import StoredVector, Vector

LONGEST_ROW = 1 << 13
"""Most elements that :func:`rank_rows` ranks together."""
_FINE, _LOW, _ONE = np.uint32(0xFFFF), np.uint64(0xFFFFFFFF), np.uint32(1)
_WORD, _MANTISSA = np.uint64(32), 23
_OCTAVES = 12
# Moves per element after which sorting a row by cells is given up.
_PATIENCE = 16


def arrays(vector: Vector) -> tuple[Any, Any]:
    """Return the base and the task vector of a flat vector as the loops take them; an fp32 one needs no base."""
    if isinstance(vector, StoredVector):
        return array(vector.base), array(vector.expert)
    return array(vector), array(vector)


@compiled
def count_cells(base: Any, delta: Any, counts: Any) -> None:
    """Add to ``counts``, for the upper 15 bits of a magnitude, how many elements have them."""
    for i in range(len(delta)):
        counts[(bits_of(change(delta, load(base, i), i)) & MAGNITUDE) >> UPPER] += 1


@compiled
def count_within(base: Any, delta: Any, cell: Any, counts: Any) -> None:
    """Add to ``counts``, for the lower 16 bits of a magnitude, how many elements of one cell have them."""
    wanted = np.uint32(cell)
    for i in range(len(delta)):
        bits = bits_of(change(delta, load(base, i), i)) & MAGNITUDE
        if bits >> UPPER == wanted:
            counts[bits & _FINE] += 1


@compiled
def rank_rows(base: Any, delta: Any, length: Any, ranks: Any) -> None:
    """Write each element's rank by magnitude within its row, ascending from 0; equal ones rank by position.

    Args:
        base, delta: flat.
        length: of a row, at most ``LONGEST_ROW``.
        ranks: int16 or int32, as long as ``delta``.
    """
    # Cells divide each octave below the row's largest magnitude so finely that few elements share one; what is
    # smaller than the last octave shares a cell, zeros have their own, and insertion puts the rest in order.
    steps = 1
    while steps * 8 < length:
        steps *= 2
    shift = np.uint32(_MANTISSA)
    while steps > 1 << (_MANTISSA - shift):
        shift -= _ONE
    last = np.uint32(_OCTAVES * steps)
    magnitudes, places = np.empty(length, np.uint32), np.empty(length, np.uint32)
    starts, keys = np.empty(last + 3, np.int32), np.empty(length, np.uint64)
    for first in range(0, len(delta), length):
        top = np.uint32(0)
        for i in range(length):
            bits = np.uint32(bits_of(change(delta, load(base, first + i), first + i)) & MAGNITUDE)
            magnitudes[i] = bits
            top = max(top, bits)
        starts[:] = 0
        for i in range(length):
            bits = magnitudes[i]
            below = np.uint32(last - min(np.uint32((top - bits) >> shift), np.uint32(last - _ONE)))
            places[i] = below if bits else np.uint32(0)
            starts[places[i] + 1] += 1
        for i in range(1, last + 2):
            starts[i] += starts[i - 1]
        for i in range(length):
            place = places[i]
            keys[starts[place]] = (np.uint64(magnitudes[i]) << _WORD) | np.uint64(i)
            starts[place] += 1
        _finish_sort(keys)
        for i in range(length):
            ranks[first + np.int64(keys[i] & _LOW)] = i


@compiled
def _finish_sort(keys: Any) -> None:
    """Sort keys that are nearly in order."""
    moves = 0
    for i in range(1, len(keys)):
        key = keys[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
        moves += i - j
        if moves > _PATIENCE * len(keys):
            keys.sort()
            return


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
