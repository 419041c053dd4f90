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
from torch import Tensor

from merging.compiled import compiled
from merging.elements import MAGNITUDE, bits_of, element, load, store
from merging.folds import (
    add,
    add_agreeing,
    add_portion,
    add_product,
    add_sign,
    add_weighted,
    count_nonzero,
    count_passing,
    elements,
    fold,
    sign_of,
    times,
)

Choice = tuple[Any, ...]
"""A task vector with what chooses among its elements: a number that the magnitude exceeds, or two that it lies between,
NaN for no bound; an array of levels and the number that it exceeds; or arrays of levels and ranks and the numbers of a
``Rated``."""

_DTYPES = (torch.bfloat16, torch.float32)
# Sums that are added up side by side, or each addition would wait for the one before.
_LANES = 1024
# Numbers that are added up in fp32.
_FEW = 32


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
        value = add_weighted(scale * source, parts, weights, source, i)
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


def l1(base: Any, part: Any, choice: Any) -> tuple[float, float]:
    """Return the sums of the magnitudes of a task vector and of what a choice takes from it.

    Few numbers are added up in fp32, which takes half as long and loses nothing that matters, their sums in fp64.
    """
    sums = np.zeros((2, _LANES))
    _add_magnitudes(base, part, choice, sums, np.empty((2, _LANES), np.float32))
    return float(sums[0].sum()), float(sums[1].sum())


@compiled
def _add_magnitudes(base: Any, part: Any, choice: Any, sums: Any, few: Any) -> None:
    lanes = len(few[0])
    for first in range(0, len(base), _FEW * lanes):
        few[:] = np.float32(0.0)
        for start in range(first, min(first + _FEW * lanes, len(base)), lanes):
            for lane in range(min(lanes, len(base) - start)):
                i = np.uint64(start + lane)
                source = load(base, i)
                few[0, lane] += abs(element(part, source, i))
                few[1, lane] += abs(element(choice, source, i))
        for lane in range(lanes):
            sums[0, lane] += np.float64(few[0, lane])
            sums[1, lane] += np.float64(few[1, lane])


@compiled
def widest(base: Any, expert: Any) -> Any:
    """Return the largest magnitude of a stored task vector, as :func:`added` does."""
    top = np.uint32(0)
    for i in range(len(base)):
        top = max(top, np.uint32(bits_of(load(expert, i) - load(base, i)) & MAGNITUDE))
    return top


@cache
def election(scales: bool, weighs: bool, count: bool, plus: bool, mean: bool, signed: bool) -> Any:
    """Return the loop that writes ``base + scale * disjoint merge``: each element elects a sign, what has it is merged.

    Args:
        scales: any of the factors is not 1.
        weighs: any of the votes is not 1.
        count: signs are counted instead of values added.
        plus: a draw elects plus.
        mean: the merge is divided by the sum of the portions of the experts that agree.
        signed: portions may cancel; where their sum is zero, ``least`` divides instead. Otherwise it is the least
            divisor.

    Returns:
        A function of ``base, choices, factors, votes, shares, portions, scale, least, out`` that returns what
        :func:`added` does. A choice is multiplied by its factor in the first and then by that in the second of the two
        ``factors``; ``votes`` are weights in the election, ``shares`` in the merge, ``portions`` in the divisor.
    """

    @compiled
    def elected(base, choices, factors, votes, shares, portions, scale, least, out):  # type: ignore[no-untyped-def]
        zero, one = np.float32(0.0), np.float32(1.0)
        top = np.uint32(0)
        for i in range(len(out)):
            source = load(base, i)
            values = elements(choices, source, i)
            if scales:
                values = times(times(values, factors[0]), factors[1])
            seen = fold(add, zero, values, values, zero)
            vote = fold(add_product, zero, values, votes, zero) if weighs else seen
            if count:
                vote = fold(add_sign, zero, values, values, zero)
            sign = (one if vote >= zero else -one) if plus else sign_of(vote)
            total = fold(add_agreeing, zero, values, shares, sign)
            if mean:
                divisor = fold(add_portion, zero, values, portions, sign)
                total /= (least if divisor == zero else divisor) if signed else max(divisor, least)
            # The difference is 0, or NaN where a vector holds NaN or infinity, which an election would hide.
            value = source + scale * total + (seen - seen)
            top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
            store(out, i, value)
        return top

    return elected


@cache
def averaging(amplifies: bool) -> Any:
    """Return the loop that writes ``base + scale * mean``, over the choices that have the element, not zero.

    Args:
        amplifies: what one choice alone has is multiplied by its gain.

    Returns:
        A function of ``base, choices, gains, scale, out`` that returns what :func:`added` does.
    """

    @compiled
    def averaged(base, choices, gains, scale, out):  # type: ignore[no-untyped-def]
        zero, one = np.float32(0.0), np.float32(1.0)
        top = np.uint32(0)
        for i in range(len(out)):
            source = load(base, i)
            values = elements(choices, source, i)
            count = fold(count_nonzero, zero, values, values, zero)
            total = fold(add, zero, values, values, zero)
            if amplifies:
                alone = fold(add_product, zero, values, gains, zero)
                total = alone if count == one else total
            value = source + scale * total / max(count, one)
            top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
            store(out, i, value)
        return top

    return averaged


@compiled
def balanced(
    base: Any, parts: Any, masses: Any, weights: Any, idle: Any, idle_weights: Any, scale: Any, out: Any
) -> Any:
    """Write ``base + scale * mean of parts``, in which each element counts as its mass and its part's weight say.

    Args:
        base: fp32 or bf16.
        parts: a tuple of task vectors.
        masses: a tuple of fp32 arrays, one for each.
        weights: one for each.
        idle: masses of further parts, which are zero.
        idle_weights: one for each of those.
        scale: of the mean.
        out: fp32 or bf16.

    Returns:
        What :func:`added` does.
    """
    zero = np.float32(0.0)
    top = np.uint32(0)
    for i in range(len(out)):
        source = load(base, i)
        counting = times(elements(masses, source, i), weights)
        total = fold(add, zero, counting, counting, zero)
        total = fold(add_product, total, elements(idle, source, i), idle_weights, zero)
        value = source + scale * fold(add_product, zero, elements(parts, source, i), counting, zero) / total
        top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
        store(out, i, value)
    return top


@compiled
def needed(base: Any, parts: Any, levels: Any, steps: Any, least: Any, scale: Any, out: Any) -> Any:
    """Write ``base + scale * sum of parts`` where at least ``least`` levels exceed their steps, elsewhere the base.

    Args:
        base: fp32 or bf16.
        parts: a tuple of task vectors.
        levels: a tuple of uint8 arrays, as many as ``steps``.
        steps: integers.
        least: how many.
        scale: of the sum.
        out: fp32 or bf16.

    Returns:
        What :func:`added` does.
    """
    zero = np.float32(0.0)
    top = np.uint32(0)
    for i in range(len(out)):
        source = load(base, i)
        total = fold(add, zero, elements(parts, source, i), parts, zero)
        # The difference is 0, or NaN where a vector holds NaN or infinity, which a mask would hide.
        value = source + (
            scale * total if fold(count_passing, np.uint8(0), levels, steps, i) >= least else total - total
        )
        top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
        store(out, i, value)
    return top
