"""Element-wise merges as one loop, compiled by numba: every input is read once and every result written once.

A chain of torch operations walks over a block once per operation. The loops run without the interpreter's lock, and
inner loops over the experts are unrolled. What an expert adds is its task vector, or a choice of its elements
(:data:`Choice`). A task vector is an fp32 array, or bf16 weights that the base's are subtracted from. bf16 arrays are
seen as their bits, uint16; all arrays are flat and of one length, all numbers fp32.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from llvmlite import ir
from llvmlite.binding import ffi
from numba import types
from numba.extending import intrinsic, overload
from torch import Tensor

from merging.compiled import compiled

Choice = tuple[Any, ...]
"""A task vector with what chooses among its elements: two numbers that the magnitude lies between, NaN for no bound; an
array of levels and the number that the level exceeds; or arrays of levels and ranks and the numbers of a ``Rated``."""

_DTYPES = (torch.bfloat16, torch.float32)
_CHUNK = 1024
MAGNITUDE = np.uint32(0x7FFFFFFF)
_HALF, _ONE, UPPER = np.uint32(0x7FFF), np.uint32(1), np.uint32(16)


def _keep_to_names_of_functions() -> None:
    """Make the handle of the LLVM library deny that it has special attributes.

    It looks up whatever it is asked for in the library and answers with a function, for ``__dict__`` too; vLLM, which
    looks into the instance dictionary of everything in every module, fails on that.
    """
    handle = type(ffi.lib)
    look_up = handle.__getattr__

    def guarded(self: Any, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return look_up(self, name)

    handle.__getattr__ = guarded


_keep_to_names_of_functions()

# A GPU's loops round where these do. An election rounds every product, because whether weighted values cancel depends
# on their last bits.


def fits(tensor: Tensor) -> bool:
    """Return whether loops can read and write a tensor as it is stored."""
    return tensor.dtype in _DTYPES and tensor.is_contiguous() and tensor.device.type == "cpu"


def array(tensor: Tensor) -> Any:
    """Return a flat tensor as the array that the loops take; it shares the memory."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def exceeds(top: int, dtype: torch.dtype) -> bool:
    """Return whether the largest magnitude, as the loops return it, lies beyond a dtype's largest number."""
    return int(top) > int(np.float32(torch.finfo(dtype).max).view(np.uint32))


@compiled
def added(base: Any, deltas: Any, weights: Any, scale: Any, out: Any) -> Any:
    """Write ``scale * base + sum_k weights[k] * deltas[k]``.

    Args:
        base: fp32 or bf16.
        deltas: a tuple of task vectors, all of one kind.
        weights: one for each.
        scale: of the base.
        out: fp32 or bf16.

    Returns:
        The largest magnitude before rounding, as fp32 bits; NaN and infinity exceed all others.
    """
    top = np.uint32(0)
    # Expert by expert within a chunk: a loop over both at once is not compiled to vector instructions.
    sources, values = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    for start in range(0, len(out), _CHUNK):
        stop = min(start + _CHUNK, len(out))
        source, target = base[start:stop], out[start:stop]
        for i in range(stop - start):
            sources[i] = load(source, i)
            values[i] = scale * sources[i]
        for k in range(len(deltas)):
            delta, weight = deltas[k][start:stop], weights[k]
            for i in range(stop - start):
                values[i] = _fma(weight, change(delta, sources[i], i), values[i])
        for i in range(stop - start):
            top = max(top, np.uint32(bits_of(values[i]) & MAGNITUDE))
            _store(target, i, values[i])
    return top


@compiled
def added_choices(base: Any, choices: Any, weights: Any, out: Any) -> Any:
    """Write ``base + sum_k weights[k] * choice_k``; ``choices`` is a tuple of one kind. See :func:`added`."""
    top = np.uint32(0)
    chosen = np.empty((len(choices), _CHUNK), np.float32)
    for start in range(0, len(out), _CHUNK):
        stop = min(start + _CHUNK, len(out))
        for k in range(len(choices)):
            _choose(choices[k], base, start, stop, chosen[k])
        source, target = base[start:stop], out[start:stop]
        for i in range(stop - start):
            value = load(source, i)
            for k in range(len(choices)):
                value = _fma(weights[k], chosen[k, i], value)
            top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
            _store(target, i, value)
    return top


@compiled
def energy(base: Any, choice: Any) -> Any:
    """Return the sum of squares of what a choice takes from a task vector, rounded to fp32 and added up in fp64."""
    sums, chosen = np.zeros(_CHUNK), np.empty(_CHUNK, np.float32)
    for start in range(0, len(base), _CHUNK):
        stop = min(start + _CHUNK, len(base))
        _choose(choice, base, start, stop, chosen)
        for i in range(stop - start):
            sums[i] += np.float64(chosen[i] * chosen[i])
    return sums.sum()


@compiled
def norms(base: Any, choice: Any) -> Any:
    """Return the L1 norms of a task vector and of what a choice takes from it, added up in fp64."""
    # As many sums as elements of a chunk, or the additions would wait for each other.
    whole, kept, chosen = np.zeros(_CHUNK), np.zeros(_CHUNK), np.empty(_CHUNK, np.float32)
    for start in range(0, len(base), _CHUNK):
        stop = min(start + _CHUNK, len(base))
        _choose(choice, base, start, stop, chosen)
        source, delta = base[start:stop], choice[0][start:stop]
        for i in range(stop - start):
            whole[i] += np.float64(abs(change(delta, load(source, i), i)))
        for i in range(stop - start):
            kept[i] += np.float64(abs(chosen[i]))
    return whole.sum(), kept.sum()


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
        chosen = np.empty((len(choices), _CHUNK), np.float32)
        for start in range(0, len(out), _CHUNK):
            stop = min(start + _CHUNK, len(out))
            for k in range(len(choices)):
                _choose(choices[k], base, start, stop, chosen[k])
            source, target = base[start:stop], out[start:stop]
            for i in range(stop - start):
                vote, seen = zero, zero
                for k in range(len(choices)):
                    value = chosen[k, i] * factors[k][0] * factors[k][1]
                    vote += _sign(value) if count else votes[k] * value
                    seen += value
                sign = (one if vote >= zero else -one) if plus else _sign(vote)
                total, divisor = zero, zero
                for k in range(len(choices)):
                    value = chosen[k, i] * factors[k][0] * factors[k][1] * sign
                    total += shares[k] * max(value, zero)
                    divisor += portions[k] if value > zero else zero
                total *= sign
                if mean:
                    total /= (least if divisor == zero else divisor) if signed else max(divisor, least)
                # The difference is 0, or NaN where a vector holds NaN or infinity, which an election would hide.
                value = load(source, i) + scale * total + (seen - seen)
                top = max(top, np.uint32(bits_of(value) & MAGNITUDE))
                _store(target, i, value)
        return top

    return elected


@compiled
def _sign(value):  # type: ignore[no-untyped-def]
    zero, one = np.float32(0.0), np.float32(1.0)
    return one if value > zero else (-one if value < zero else zero)


def change(delta: Any, source: Any, i: Any) -> Any:
    """A task vector's element, where the base's is ``source``."""


@overload(change)
def _change_of(delta, source, i):  # type: ignore[no-untyped-def]
    if delta.dtype == types.uint16:
        return lambda delta, source, i: load(delta, i) - source
    return lambda delta, source, i: delta[i]


def _choose(choice: Any, base: Any, start: Any, stop: Any, out: Any) -> None:
    """Write a choice's elements from ``start`` to ``stop``, zero where not chosen."""


@overload(_choose)
def _choose_of(choice, base, start, stop, out):  # type: ignore[no-untyped-def]
    def drawn(choice, base, start, stop, out):  # type: ignore[no-untyped-def]
        delta, levels, bound = choice[0][start:stop], choice[1][start:stop], choice[2]
        source = base[start:stop]
        for i in range(stop - start):
            value = change(delta, load(source, i), i)
            out[i] = value if np.float32(levels[i]) > bound else np.float32(0.0)

    def banded(choice, base, start, stop, out):  # type: ignore[no-untyped-def]
        delta, low, high = choice[0][start:stop], choice[1], choice[2]
        source = base[start:stop]
        for i in range(stop - start):
            value = change(delta, load(source, i), i)
            # In this form NaN is chosen, and no bound of NaN ever holds.
            out[i] = np.float32(0.0) if (abs(value) <= low) | (abs(value) >= high) else value

    def rated(choice, base, start, stop, out):  # type: ignore[no-untyped-def]
        delta, levels, ranks = choice[0][start:stop], choice[1][start:stop], choice[2][start:stop]
        highest, window, lowest, slope, origin, divides = choice[3]
        source = base[start:stop]
        for i in range(stop - start):
            value = change(delta, load(source, i), i)
            probability = np.float32(ranks[i]) / highest * window + lowest
            value = value / probability if divides else value
            out[i] = value if np.float32(levels[i]) + slope * probability > origin else np.float32(0.0)

    if isinstance(choice[2], types.Array):
        return rated
    return drawn if isinstance(choice[1], types.Array) else banded


def load(source: Any, i: Any) -> Any:
    """The fp32 value at an element."""


@overload(load)
def _load_of(source, i):  # type: ignore[no-untyped-def]
    if source.dtype == types.uint16:
        return lambda source, i: _float_of(np.uint32(np.uint32(source[i]) << UPPER))
    return lambda source, i: source[i]


def _store(target: Any, i: Any, value: Any) -> None:
    """Round a finite fp32 value to the target's dtype, to the nearest, halves to even."""


@overload(_store)
def _store_of(target, i, value):  # type: ignore[no-untyped-def]
    def rounded(target, i, value):  # type: ignore[no-untyped-def]
        bits = bits_of(value)
        target[i] = np.uint16(np.uint32(bits + _HALF + ((bits >> UPPER) & _ONE)) >> UPPER)

    def plain(target, i, value):  # type: ignore[no-untyped-def]
        target[i] = value

    return rounded if target.dtype == types.uint16 else plain


@intrinsic
def _float_of(context, bits):  # type: ignore[no-untyped-def]
    return types.float32(types.uint32), lambda _, builder, __, given: builder.bitcast(given[0], ir.FloatType())


@intrinsic
def bits_of(context, value):  # type: ignore[no-untyped-def]
    """The bits of an fp32 value."""
    return types.uint32(types.float32), lambda _, builder, __, given: builder.bitcast(given[0], ir.IntType(32))


@intrinsic
def _fma(context, factor, other, term):  # type: ignore[no-untyped-def]
    """``factor * other + term``, rounded once."""
    signature = types.float32(types.float32, types.float32, types.float32)
    return signature, lambda _, builder, __, given: builder.fma(*given)
