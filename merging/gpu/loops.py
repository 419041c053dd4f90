"""The loops of :mod:`merging.loops` for a GPU, written in Triton: one launch merges all tensors of one kind.

A launch works through rows, each a span of one tensor, in blocks. What a row reads and writes are addresses in a table
of ``pointers``: base, result, number of elements, then one task vector per expert, then one array of levels per expert.
Coefficients are a table of ``numbers``. Both are int64 and fp32 arrays with one line per row; ``blocks`` says which row
and which block of it a program works on. Every operation rounds as the loop for the processor does, so that a candidate
has the same bits on both.
"""

from __future__ import annotations

import triton
import triton.language as tl

BLOCK = 2048
"""Elements per program."""
HEAD = 3
"""Entries of a line of pointers before the task vectors, and of a line of numbers before the coefficients."""
_HEAD = tl.constexpr(HEAD)


@triton.jit  # type: ignore[untyped-decorator]
def add_rows(  # type: ignore[no-untyped-def]
    pointers, numbers, blocks, tops, columns, coefficients,
    EXPERTS: tl.constexpr, STORED: tl.constexpr, BASE16: tl.constexpr, OUT16: tl.constexpr, ALIGNED: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """``scale * base + sum_k weight_k * vector_k``; numbers: scale, profile, nothing, weights."""
    row, offsets, mask, line, own = _place(pointers, numbers, blocks, columns, coefficients, BLOCK)
    base = _load(line, 0, offsets, mask, BASE16, ALIGNED)
    scale = tl.load(own)
    value = base * scale
    for k in tl.static_range(EXPERTS):
        change = _change(line, _HEAD + k, base, offsets, mask, STORED, ALIGNED)
        value = tl.fma(tl.load(own + _HEAD + k), change, value)
    _finish(line, own, row, tops, base, value, offsets, mask, OUT16, ALIGNED)


@triton.jit  # type: ignore[untyped-decorator]
def choose_rows(  # type: ignore[no-untyped-def]
    pointers, numbers, blocks, tops, columns, coefficients,
    EXPERTS: tl.constexpr, STORED: tl.constexpr, BASE16: tl.constexpr, OUT16: tl.constexpr, ALIGNED: tl.constexpr,
    DRAWN: tl.constexpr, LEVELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """``base + sum_k weight_k * choice_k``; numbers: nothing, profile, nothing, weights, lows, highs."""
    row, offsets, mask, line, own = _place(pointers, numbers, blocks, columns, coefficients, BLOCK)
    base = _load(line, 0, offsets, mask, BASE16, ALIGNED)
    value = base
    for k in tl.static_range(EXPERTS):
        chosen = _choose(line, own + _HEAD + EXPERTS, k, base, offsets, mask, EXPERTS, STORED, ALIGNED, DRAWN, LEVELS)
        value = tl.fma(tl.load(own + _HEAD + k), chosen, value)
    _finish(line, own, row, tops, base, value, offsets, mask, OUT16, ALIGNED)


@triton.jit  # type: ignore[untyped-decorator]
def elect_rows(  # type: ignore[no-untyped-def]
    pointers, numbers, blocks, tops, columns, coefficients,
    EXPERTS: tl.constexpr, STORED: tl.constexpr, BASE16: tl.constexpr, OUT16: tl.constexpr, ALIGNED: tl.constexpr,
    DRAWN: tl.constexpr, LEVELS: tl.constexpr,
    COUNT: tl.constexpr, PLUS: tl.constexpr, MEAN: tl.constexpr, SIGNED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """``base + scale * disjoint merge``, see :func:`merging.loops.election`.

    Numbers: scale, profile, least; then, each for every expert: first factors, second factors, votes, shares, portions,
    lows, highs.
    """
    row, offsets, mask, line, own = _place(pointers, numbers, blocks, columns, coefficients, BLOCK)
    base = _load(line, 0, offsets, mask, BASE16, ALIGNED)
    first = own + _HEAD
    bounds = first + 5 * EXPERTS
    vote = tl.zeros_like(base)
    seen = tl.zeros_like(base)
    for k in tl.static_range(EXPERTS):
        value = _choose(line, bounds, k, base, offsets, mask, EXPERTS, STORED, ALIGNED, DRAWN, LEVELS)
        value = value * tl.load(first + k) * tl.load(first + EXPERTS + k)
        vote += _sign(value) if COUNT else tl.load(first + 2 * EXPERTS + k) * value
        seen += value
    sign = tl.where(vote >= 0.0, 1.0, -1.0) if PLUS else _sign(vote)
    total = tl.zeros_like(base)
    divisor = tl.zeros_like(base)
    for k in tl.static_range(EXPERTS):
        value = _choose(line, bounds, k, base, offsets, mask, EXPERTS, STORED, ALIGNED, DRAWN, LEVELS)
        value = value * tl.load(first + k) * tl.load(first + EXPERTS + k)
        agrees = value * sign > 0.0
        total += tl.where(agrees, tl.load(first + 3 * EXPERTS + k) * value, 0.0)
        divisor += tl.where(agrees, tl.load(first + 4 * EXPERTS + k), 0.0)
    if MEAN:
        least = tl.load(own + 2)
        total = tl.div_rn(total, tl.where(divisor == 0.0, least, divisor) if SIGNED else tl.maximum(divisor, least))
    # The difference is 0, or NaN where a vector holds NaN or infinity, which an election would hide.
    value = base + tl.load(own) * total + (seen - seen)
    _finish(line, own, row, tops, base, value, offsets, mask, OUT16, ALIGNED)


@triton.jit  # type: ignore[untyped-decorator]
def average_rows(  # type: ignore[no-untyped-def]
    pointers, numbers, blocks, tops, columns, coefficients,
    EXPERTS: tl.constexpr, STORED: tl.constexpr, BASE16: tl.constexpr, OUT16: tl.constexpr, ALIGNED: tl.constexpr,
    DRAWN: tl.constexpr, LEVELS: tl.constexpr, AMPLIFIES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """``base + scale * mean of the choices``, see :func:`merging.loops.averaging`.

    Numbers: scale, profile, nothing; then, each for every expert: gains, lows, highs.
    """
    row, offsets, mask, line, own = _place(pointers, numbers, blocks, columns, coefficients, BLOCK)
    base = _load(line, 0, offsets, mask, BASE16, ALIGNED)
    count = tl.zeros_like(base)
    total = tl.zeros_like(base)
    alone = tl.zeros_like(base)
    for k in tl.static_range(EXPERTS):
        value = _choose(line, own + _HEAD + EXPERTS, k, base, offsets, mask, EXPERTS, STORED, ALIGNED, DRAWN, LEVELS)
        count += tl.where(value == 0.0, 0.0, 1.0)
        total += value
        if AMPLIFIES:
            alone += tl.load(own + _HEAD + k) * value
    if AMPLIFIES:
        total = tl.where(count == 1.0, alone, total)
    value = base + tl.div_rn(tl.load(own) * total, tl.maximum(count, 1.0))
    _finish(line, own, row, tops, base, value, offsets, mask, OUT16, ALIGNED)


@triton.jit  # type: ignore[untyped-decorator]
def need_rows(  # type: ignore[no-untyped-def]
    pointers, numbers, blocks, tops, columns, coefficients,
    EXPERTS: tl.constexpr, STORED: tl.constexpr, BASE16: tl.constexpr, OUT16: tl.constexpr, ALIGNED: tl.constexpr,
    LEVELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """``base + scale * sum of vectors`` where enough levels exceed their steps, see :func:`merging.loops.needed`.

    Numbers: scale, profile, how many levels are enough, steps.
    """
    row, offsets, mask, line, own = _place(pointers, numbers, blocks, columns, coefficients, BLOCK)
    base = _load(line, 0, offsets, mask, BASE16, ALIGNED)
    count = tl.zeros_like(base)
    total = tl.zeros_like(base)
    for k in tl.static_range(EXPERTS):
        total += _change(line, _HEAD + k, base, offsets, mask, STORED, ALIGNED)
        level = _level(line, _HEAD + EXPERTS + k, offsets, mask, LEVELS, ALIGNED)
        count += tl.where(level > tl.load(own + _HEAD + k), 1.0, 0.0)
    # The difference is 0, or NaN where a vector holds NaN or infinity, which a mask would hide.
    value = base + tl.where(count >= tl.load(own + 2), tl.load(own) * total, total - total)
    _finish(line, own, row, tops, base, value, offsets, mask, OUT16, ALIGNED)


@triton.jit  # type: ignore[untyped-decorator]
def _place(pointers, numbers, blocks, columns, coefficients, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return row, elements, which of them exist, and where the row's pointers and numbers are."""
    program = tl.program_id(0)
    row = tl.load(blocks + 2 * program).to(tl.int64)
    offsets = tl.load(blocks + 2 * program + 1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    line = pointers + row * columns
    return row, offsets, offsets < tl.load(line + 2), line, numbers + row * coefficients


@triton.jit  # type: ignore[untyped-decorator]
def _load(line, column, offsets, mask, HALF: tl.constexpr, ALIGNED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return elements of an array of bf16 (``HALF``) or fp32."""
    array = _array(tl.load(line + column), tl.bfloat16 if HALF else tl.float32, ALIGNED)
    return tl.load(array + offsets, mask=mask, other=0.0).to(tl.float32)


@triton.jit  # type: ignore[untyped-decorator]
def _change(  # type: ignore[no-untyped-def]
    line, column, base, offsets, mask, STORED: tl.constexpr, ALIGNED: tl.constexpr
):
    """Return elements of a task vector."""
    value = _load(line, column, offsets, mask, STORED, ALIGNED)
    return value - base if STORED else value


@triton.jit  # type: ignore[untyped-decorator]
def _choose(  # type: ignore[no-untyped-def]
    line, bounds, k, base, offsets, mask, EXPERTS: tl.constexpr, STORED: tl.constexpr, ALIGNED: tl.constexpr,
    DRAWN: tl.constexpr, LEVELS: tl.constexpr,
):  # fmt: skip
    """Return elements of a task vector, zero where not chosen."""
    change = _change(line, _HEAD + k, base, offsets, mask, STORED, ALIGNED)
    low = tl.load(bounds + k)
    if DRAWN:
        level = _level(line, _HEAD + EXPERTS + k, offsets, mask, LEVELS, ALIGNED)
        return tl.where(level > low, change, 0.0)
    high = tl.load(bounds + EXPERTS + k)
    # In this form NaN is chosen, and no bound of NaN ever holds.
    return tl.where((tl.abs(change) <= low) | (tl.abs(change) >= high), 0.0, change)


@triton.jit  # type: ignore[untyped-decorator]
def _level(line, column, offsets, mask, LEVELS: tl.constexpr, ALIGNED: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return elements of an array of levels, of ``LEVELS`` bits each, as fp32."""
    address = tl.load(line + column)
    array = _array(address, tl.uint8 if LEVELS == 8 else (tl.int16 if LEVELS == 16 else tl.float32), ALIGNED)
    return tl.load(array + offsets, mask=mask, other=0).to(tl.float32)


@triton.jit
def _sign(value):  # type: ignore[no-untyped-def]
    return tl.where(value > 0.0, 1.0, tl.where(value < 0.0, -1.0, 0.0))


@triton.jit  # type: ignore[untyped-decorator]
def _finish(  # type: ignore[no-untyped-def]
    line, own, row, tops, base, value, offsets, mask, OUT16: tl.constexpr, ALIGNED: tl.constexpr
):
    """Apply the row's depth profile, store the value rounded, and note its largest magnitude as fp32 bits."""
    profile = tl.load(own + 1)
    value = tl.where(profile == 1.0, value, (value - base) * profile + base)
    bits = value.to(tl.uint32, bitcast=True)
    tl.atomic_max(tops + row, tl.max(tl.where(mask, (bits & 0x7FFFFFFF).to(tl.int32), 0), axis=0))
    address = tl.load(line + 1)
    if OUT16:
        # To the nearest, halves to even, as the loop for the processor does.
        _store(address, offsets, ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(tl.uint16), mask, ALIGNED)
    else:
        _store(address, offsets, value, mask, ALIGNED)


@triton.jit  # type: ignore[untyped-decorator]
def _store(address, offsets, value, mask, ALIGNED: tl.constexpr):  # type: ignore[no-untyped-def]
    array = _array(address, value.dtype, ALIGNED)
    tl.store(array + offsets, value, mask=mask)


@triton.jit  # type: ignore[untyped-decorator]
def _array(address, dtype: tl.constexpr, ALIGNED: tl.constexpr):  # type: ignore[no-untyped-def]
    array = address.to(tl.pointer_type(dtype))
    if ALIGNED:
        array = tl.multiple_of(array, 16)
    return array
