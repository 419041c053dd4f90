"""Sums over experts inside the compiled loops, element by element.

They recurse: numba compiles a recursion over tuples of known length to straight code, which becomes vector
instructions, and a loop over them to look-ups, which does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from merging.compiled import compiled
from merging.elements import element, fma


def add_weighted(value: Any, parts: Any, weights: Any, source: Any, i: Any) -> Any:
    """Add the weighted elements of all parts."""


@overload(add_weighted)
def _weighted_of(value, parts, weights, source, i):  # type: ignore[no-untyped-def]
    if not len(parts):
        return lambda value, parts, weights, source, i: value

    def further(value, parts, weights, source, i):  # type: ignore[no-untyped-def]
        value = fma(weights[0], element(parts[0], source, i), value)
        return add_weighted(value, parts[1:], weights[1:], source, i)

    return further


def elements(parts: Any, source: Any, i: Any) -> Any:
    """Return the element of each part."""


@overload(elements)
def _elements_of(parts, source, i):  # type: ignore[no-untyped-def]
    if not len(parts):
        return lambda parts, source, i: ()
    return lambda parts, source, i: (element(parts[0], source, i), *elements(parts[1:], source, i))


def times(values: Any, factors: Any) -> Any:
    """Return each value times its factor."""


@overload(times)
def _times_of(values, factors):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda values, factors: ()
    return lambda values, factors: (values[0] * factors[0], *times(values[1:], factors[1:]))


def fold(step: Any, total: Any, values: Any, numbers: Any, given: Any) -> Any:
    """Take one step after the other: ``total = step(total, values[k], numbers[k], given)``."""


@overload(fold)
def _fold_of(step, total, values, numbers, given):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda step, total, values, numbers, given: total

    def further(step, total, values, numbers, given):  # type: ignore[no-untyped-def]
        return fold(step, step(total, values[0], numbers[0], given), values[1:], numbers[1:], given)

    return further


# Steps of ``fold``.


@compiled
def add(total, value, _, __):  # type: ignore[no-untyped-def]
    """Add a value."""
    return total + value


@compiled
def add_product(total, value, weight, _):  # type: ignore[no-untyped-def]
    """Add a value times its weight."""
    return total + weight * value


@compiled
def add_sign(total, value, _, __):  # type: ignore[no-untyped-def]
    """Add a value's sign."""
    return total + sign_of(value)


@compiled
def count_nonzero(count, value, _, __):  # type: ignore[no-untyped-def]
    """Count a value that is not zero."""
    return count + (np.float32(0.0) if value == np.float32(0.0) else np.float32(1.0))


@compiled
def add_agreeing(total, value, share, sign):  # type: ignore[no-untyped-def]
    """Add the share of a value that has the elected sign."""
    return total + (share * value if value * sign > np.float32(0.0) else np.float32(0.0))


@compiled
def add_portion(total, value, portion, sign):  # type: ignore[no-untyped-def]
    """Add the portion of a value that has the elected sign."""
    return total + (portion if value * sign > np.float32(0.0) else np.float32(0.0))


@compiled
def count_passing(count, levels, step, i):  # type: ignore[no-untyped-def]
    """Count a level that exceeds its step."""
    return np.uint8(count + np.uint8(levels[i] > step))


@compiled
def sign_of(value):  # type: ignore[no-untyped-def]
    """Return 1, -1, or 0 for zero and NaN."""
    zero, one = np.float32(0.0), np.float32(1.0)
    return one if value > zero else (-one if value < zero else zero)
