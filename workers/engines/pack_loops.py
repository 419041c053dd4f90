"""The order of a packed weight as one loop: blocks of rows, in them pairs of columns, each pair of all rows together.

That is how matrix units take bf16 (VNNI). With a pair as one number, a block of rows is a transposed matrix. It is
turned in registers, 16 by 16, and written past the cache: nobody reads a pack before the candidate is complete.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from merging.compiled import compiled

SIDE = 16
"""Rows and pairs that are turned at once, as many as a register of 512 bits takes."""
_NUMBER = ir.IntType(32)
_ROW = ir.VectorType(_NUMBER, SIDE)


@intrinsic  # type: ignore[untyped-decorator]
def _turn(typing: Any, source: Any, source_step: Any, target: Any, target_step: Any) -> Any:
    """Transpose SIDE by SIDE numbers of 32 bits from one address to another; steps from row to row are in bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, source_step, target, target_step = arguments
        rows = [builder.load(_row(builder, source, source_step, row), align=4) for row in range(SIDE)]
        step = SIDE // 2
        while step:
            # Numbers change places across the diagonal of every square of 2 by 2 blocks, `step` being a block's side.
            upper = ir.Constant(_ROW, [one + (SIDE - step if one & step else 0) for one in range(SIDE)])
            lower = ir.Constant(_ROW, [one + (SIDE if one & step else step) for one in range(SIDE)])
            for row in range(SIDE):
                if not row & step:
                    pair = rows[row], rows[row + step]
                    rows[row] = builder.shuffle_vector(*pair, upper)
                    rows[row + step] = builder.shuffle_vector(*pair, lower)
            step //= 2
        once = builder.module.add_metadata([ir.Constant(_NUMBER, 1)])
        for row, numbers in enumerate(rows):
            written = builder.store(numbers, _row(builder, target, target_step, row), align=4 * SIDE)
            written.set_metadata("nontemporal", once)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def _settle(typing: Any) -> Any:
    """Make what was written past the cache visible to other threads before anything that follows."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


def _row(builder: Any, address: Any, step: Any, index: int) -> Any:
    offset = builder.mul(step, ir.Constant(step.type, index))
    return builder.inttoptr(builder.add(address, offset), _ROW.as_pointer())


@compiled
def interleave(weight: Any, pack: Any) -> None:
    """Write a weight in the order of its pack.

    Args:
        weight: uint32 of shape (rows, pairs of columns), both multiples of ``SIDE``.
        pack: uint32 of shape (blocks, pairs of columns, rows of a block), at an address that is a multiple of 64 bytes;
            the rows of a block are a multiple of ``SIDE``, and those of all blocks are the weight's.
    """
    blocks, pairs, rows = pack.shape
    source, target = weight.ctypes.data, pack.ctypes.data
    for block in range(blocks):
        for pair in range(0, pairs, SIDE):
            for row in range(0, rows, SIDE):
                _turn(
                    np.intp(source + 4 * ((block * rows + row) * pairs + pair)),
                    4 * pairs,
                    np.intp(target + 4 * ((block * pairs + pair) * rows + row)),
                    4 * rows,
                )
    _settle()
