"""Element-wise merges as one loop, compiled by numba: every input is read once and every result written once.

A chain of torch operations walks over a block once per operation. The loops run without the interpreter's lock, and
what they do with each expert is unrolled. What an expert adds is its task vector, or a choice of its elements
(:data:`Choice`). A task vector is an fp32 array, or bf16 weights that the base's are subtracted from. bf16 arrays are
seen as their bits, uint16; all arrays are flat and of one length, all numbers fp32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
from numba.extending import overload
from torch import Tensor

from merging.compiled import compiled
from merging.elements import MAGNITUDE, bits_of, element, fma, load, store

Choice = tuple[Any, ...]
"""A task vector with what chooses among its elements: two numbers that the magnitude lies between, NaN for no bound; an
array of levels and the number that the level exceeds; or arrays of levels and ranks and the numbers of a ``Rated``."""

_DTYPES = (torch.bfloat16, torch.float32)
# Sums that are added up side by side, or each addition would wait for the one before.
_LANES = 1024


# A GPU's loops round where these do. An election rounds every product, because whether weighted values cancel depends
# on their last bits.


@dataclass(frozen=True)
class Flat:
    """A flat tensor that candidate after candidate reads or writes.

    Args:
        tensor: see above.
    """

    tensor: Tensor

    @cached_property
    def array(self) -> Any:
        """What the loops take for it; None where they cannot read and write it as it is stored."""
        return array(self.tensor) if fits(self.tensor) else None

    def within(self, span: slice) -> Flat:
        """Return a span of it."""
        whole = span.start == 0 and span.stop == self.tensor.numel()
        return self if whole else Flat(self.tensor[span])


def fits(tensor: Tensor) -> bool:
    """Return whether loops can read and write a tensor as it is stored."""
    return tensor.dtype in _DTYPES and tensor.is_contiguous() and tensor.device.type == "cpu"


def array(tensor: Tensor) -> Any:
    """Return a flat tensor as the array that the loops take; it shares the memory."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def exceeds(top: int, dtype: torch.dtype) -> bool:
    """Return whether the largest magnitude, as the loops return it, lies beyond a dtype's largest number."""
    return int(top) > _largest(dtype)


@cache
def _largest(dtype: torch.dtype) -> int:
    return int(np.float32(torch.finfo(dtype).max).view(np.uint32))


@compiled
def added(base: Any, parts: Any, weights: Any, scale: Any, out: Any) -> Any:
    """Write ``scale * base + sum_k weights[k] * parts[k]``.

    Args:
        base: fp32 or bf16.
        parts: a tuple of task vectors or of choices, all of one kind.
        weights: one for each.
        scale: of the base.
        out: fp32 or bf16.

    Returns:
        The largest magnitude before rounding, as fp32 bits; NaN and infinity exceed all others.
    """
    top = np.uint32(0)
    for i in range(len(out)):
        source = load(base, i)
        value = _sum(scale * source, parts, weights, source, i)
        top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
        store(out, i, value)
    return top


def energy(base: Any, choice: Any) -> float:
    """Return the sum of squares of what a choice takes from a task vector, rounded to fp32 and added up in fp64."""
    sums = np.zeros(_LANES)
    _add_squares(base, choice, sums)
    return float(sums.sum())


@compiled
def _add_squares(base: Any, choice: Any, sums: Any) -> None:
    for start in range(0, len(base), len(sums)):
        for lane in range(min(len(sums), len(base) - start)):
            i = np.uint64(start + lane)
            value = element(choice, load(base, i), i)
            sums[lane] += np.float64(value * value)


def l1(base: Any, part: Any) -> float:
    """Return the sum of the magnitudes of a task vector, or of what a choice takes from one, added up in fp64."""
    sums = np.zeros(_LANES)
    _add_magnitudes(base, part, sums)
    return float(sums.sum())


@compiled
def _add_magnitudes(base: Any, part: Any, sums: Any) -> None:
    for start in range(0, len(base), len(sums)):
        for lane in range(min(len(sums), len(base) - start)):
            i = np.uint64(start + lane)
            sums[lane] += np.float64(abs(element(part, load(base, i), i)))


@compiled
def widest(base: Any, expert: Any) -> Any:
    """Return the largest magnitude of a stored task vector, as :func:`added` does."""
    top = np.uint32(0)
    for i in range(len(base)):
        top = max(top, np.uint32(bits_of(load(expert, i) - load(base, i)) & MAGNITUDE))
    return top


@cache
def election(count: bool, plus: bool, mean: bool, signed: bool) -> Any:
    """Return the loop that writes ``base + scale * disjoint merge``: each element elects a sign, what has it is merged.

    Args:
        count: signs are counted instead of values added.
        plus: a draw elects plus.
        mean: the merge is divided by the sum of the portions of the experts that agree.
        signed: portions may cancel; where their sum is zero, ``least`` divides instead. Otherwise it is the least
            divisor.

    Returns:
        A function of ``base, choices, factors, votes, shares, portions, scale, least, out`` that returns what
        :func:`added` does. A choice is multiplied by both of its ``factors``, one after the other; ``votes`` are
        weights in the election, ``shares`` in the merge, ``portions`` in the divisor.
    """

    @compiled
    def elected(base, choices, factors, votes, shares, portions, scale, least, out):  # type: ignore[no-untyped-def]
        zero, one = np.float32(0.0), np.float32(1.0)
        top = np.uint32(0)
        for i in range(len(out)):
            source = load(base, i)
            values = _values(choices, factors, source, i)
            vote = _counted(zero, values) if count else _weighed(zero, values, votes)
            sign = (one if vote >= zero else -one) if plus else _sign(vote)
            total = _agreed(zero, values, shares, sign) * sign
            if mean:
                divisor = _divisor(zero, values, portions, sign)
                total /= (least if divisor == zero else divisor) if signed else max(divisor, least)
            seen = _total(zero, values)
            # The difference is 0, or NaN where a vector holds NaN or infinity, which an election would hide.
            value = source + scale * total + (seen - seen)
            top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
            store(out, i, value)
        return top

    return elected


# Over experts the loops recurse: numba compiles a recursion over tuples of known length to straight code, which becomes
# vector instructions, and a loop over them to look-ups, which does not.


def _sum(value: Any, parts: Any, weights: Any, source: Any, i: Any) -> Any:
    """Add the weighted elements of all parts."""


@overload(_sum)
def _sum_of(value, parts, weights, source, i):  # type: ignore[no-untyped-def]
    if not len(parts):
        return lambda value, parts, weights, source, i: value

    def further(value, parts, weights, source, i):  # type: ignore[no-untyped-def]
        value = fma(weights[0], element(parts[0], source, i), value)
        return _sum(value, parts[1:], weights[1:], source, i)

    return further


def _values(choices: Any, factors: Any, source: Any, i: Any) -> Any:
    """Return the element of each choice, multiplied by both of its factors."""


@overload(_values)
def _values_of(choices, factors, source, i):  # type: ignore[no-untyped-def]
    if not len(choices):
        return lambda choices, factors, source, i: ()

    def further(choices, factors, source, i):  # type: ignore[no-untyped-def]
        value = element(choices[0], source, i) * factors[0][0] * factors[0][1]
        return (value, *_values(choices[1:], factors[1:], source, i))

    return further


def _counted(vote: Any, values: Any) -> Any:
    """Add the signs of all values."""


@overload(_counted)
def _counted_of(vote, values):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda vote, values: vote
    return lambda vote, values: _counted(vote + _sign(values[0]), values[1:])


def _total(seen: Any, values: Any) -> Any:
    """Add all values."""


@overload(_total)
def _total_of(seen, values):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda seen, values: seen
    return lambda seen, values: _total(seen + values[0], values[1:])


def _weighed(vote: Any, values: Any, votes: Any) -> Any:
    """Add all values, each with its weight."""


@overload(_weighed)
def _weighed_of(vote, values, votes):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda vote, values, votes: vote
    return lambda vote, values, votes: _weighed(vote + votes[0] * values[0], values[1:], votes[1:])


def _agreed(total: Any, values: Any, shares: Any, sign: Any) -> Any:
    """Add the shares of the magnitudes of what has a sign."""


@overload(_agreed)
def _agreed_of(total, values, shares, sign):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda total, values, shares, sign: total

    def further(total, values, shares, sign):  # type: ignore[no-untyped-def]
        return _agreed(total + shares[0] * max(values[0] * sign, np.float32(0.0)), values[1:], shares[1:], sign)

    return further


def _divisor(divisor: Any, values: Any, portions: Any, sign: Any) -> Any:
    """Add the portions of what has a sign."""


@overload(_divisor)
def _divisor_of(divisor, values, portions, sign):  # type: ignore[no-untyped-def]
    if not len(values):
        return lambda divisor, values, portions, sign: divisor

    def further(divisor, values, portions, sign):  # type: ignore[no-untyped-def]
        portion = portions[0] if values[0] * sign > np.float32(0.0) else np.float32(0.0)
        return _divisor(divisor + portion, values[1:], portions[1:], sign)

    return further


@compiled
def _sign(value):  # type: ignore[no-untyped-def]
    zero, one = np.float32(0.0), np.float32(1.0)
    return one if value > zero else (-one if value < zero else zero)
