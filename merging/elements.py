"""Single elements as the compiled loops see them: read, taken by a choice, rounded and stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import ffi
from numba import types
from numba.extending import intrinsic, overload

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


def change(delta: Any, source: Any, i: Any) -> Any:
    """A task vector's element, where the base's is ``source``."""


@overload(change)
def _change_of(delta, source, i):  # type: ignore[no-untyped-def]
    if delta.dtype == types.uint16:
        return lambda delta, source, i: load(delta, i) - source
    return lambda delta, source, i: delta[i]


def element(part: Any, source: Any, i: Any) -> Any:
    """An element of a task vector, or of a choice, zero where not chosen; the base's is ``source``."""


@overload(element)
def _element_of(part, source, i):  # type: ignore[no-untyped-def]
    # In this form NaN is chosen, and no bound of NaN ever holds.
    def trimmed(part, source, i):  # type: ignore[no-untyped-def]
        value = change(part[0], source, i)
        return np.float32(0.0) if abs(value) <= part[1] else value

    def banded(part, source, i):  # type: ignore[no-untyped-def]
        value = change(part[0], source, i)
        return np.float32(0.0) if (abs(value) <= part[1]) | (abs(value) >= part[2]) else value

    def drawn(part, source, i):  # type: ignore[no-untyped-def]
        value = change(part[0], source, i)
        return value if np.float32(part[1][i]) > part[2] else np.float32(0.0)

    def rated(part, source, i):  # type: ignore[no-untyped-def]
        highest, window, lowest, slope, origin, divides = part[3]
        probability = np.float32(part[2][i]) / highest * window + lowest
        value = change(part[0], source, i)
        value = value / probability if divides else value
        return value if np.float32(part[1][i]) + slope * probability > origin else np.float32(0.0)

    if isinstance(part, types.Array):
        return lambda part, source, i: change(part, source, i)
    if len(part) == 2:
        return trimmed
    if isinstance(part[2], types.Array):
        return rated
    return drawn if isinstance(part[1], types.Array) else banded


def load(source: Any, i: Any) -> Any:
    """The fp32 value at an element."""


@overload(load)
def _load_of(source, i):  # type: ignore[no-untyped-def]
    if source.dtype == types.uint16:
        return lambda source, i: _float_of(np.uint32(np.uint32(source[i]) << UPPER))
    return lambda source, i: source[i]


def store(target: Any, i: Any, value: Any) -> None:
    """Round a finite fp32 value to the target's dtype, to the nearest, halves to even."""


@overload(store)
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
def fma(context, factor, other, term):  # type: ignore[no-untyped-def]
    """``factor * other + term``, rounded once."""
    signature = types.float32(types.float32, types.float32, types.float32)
    return signature, lambda _, builder, __, given: builder.fma(*given)
