"""Random number generators as compiled loops, number for number those of numpy and torch.

Theirs hold the interpreter's lock or draw one number at a time, so that drawing takes longer than merging.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from merging.compiled import compiled

# Philox 4x64-10 (Salmon et al. 2011).
_MULTIPLIERS = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_BUMPS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ROUNDS = 10

# MT19937 (Matsumoto and Nishimura 1998).
_WORDS, _MIDDLE = 624, 397
_FAR, _NEXT = np.uint64(_WORDS - _MIDDLE), np.uint64(1)
_MATRIX, _UPPER, _LOWER = np.uint32(0x9908B0DF), np.uint32(0x80000000), np.uint32(0x7FFFFFFF)
_ONE, _MANTISSA = np.uint32(1), np.uint32((1 << 24) - 1)
_TEMPER = np.uint32(0x9D2C5680), np.uint32(0xEFC60000)
_SHIFTS = np.uint32(11), np.uint32(7), np.uint32(15), np.uint32(18)
_UNIT = np.float32(2.0**-24)


def philox_words(key: int, count: int) -> npt.NDArray[np.uint64]:
    """Return the first words of ``numpy.random.Philox(key=key).random_raw``, whole blocks of 4."""
    out = np.empty(-(-count // 4) * 4, dtype=np.uint64)
    _philox(np.uint64(key & (1 << 64) - 1), np.uint64(key >> 64), out)
    return out


@compiled
def _philox(low: Any, high: Any, out: Any) -> None:
    for block in range(len(out) // 4):
        # numpy counts up before it draws.
        a, b, c, d = np.uint64(block + 1), np.uint64(0), np.uint64(0), np.uint64(0)
        k0, k1 = low, high
        for _ in range(_ROUNDS):
            a, b, c, d = (
                _high(_MULTIPLIERS[1], c) ^ b ^ k0,
                _MULTIPLIERS[1] * c,
                _high(_MULTIPLIERS[0], a) ^ d ^ k1,
                _MULTIPLIERS[0] * a,
            )
            k0 += _BUMPS[0]
            k1 += _BUMPS[1]
        out[4 * block], out[4 * block + 1], out[4 * block + 2], out[4 * block + 3] = a, b, c, d


@intrinsic
def _high(context, factor, other):  # type: ignore[no-untyped-def]
    """The upper 64 bits of a product of 128."""

    def build(_, builder, __, given):  # type: ignore[no-untyped-def]
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(one, wide) for one in given))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), build


@dataclass
class Twister:
    """The Mersenne Twister behind ``torch.Generator`` on a processor.

    Args:
        words: its state, uint32.
        used: how many words of the state have been drawn.
    """

    words: npt.NDArray[np.uint32]
    used: int

    @classmethod
    def seeded(cls, seed: int) -> Twister:
        """Start as ``torch.Generator().manual_seed(seed)``."""
        words = [seed & 0xFFFFFFFF]
        for i in range(1, _WORDS):
            words.append((1812433253 * (words[-1] ^ words[-1] >> 30) + i) & 0xFFFFFFFF)
        return cls(np.array(words, dtype=np.uint32), _WORDS)

    def copy(self) -> Twister:
        """Return one that draws the same numbers from here."""
        return Twister(self.words.copy(), self.used)

    def skip(self, count: int) -> None:
        """Leave out numbers."""
        self.used = _skip(self.words, self.used, count)

    def uniforms(self, count: int) -> npt.NDArray[np.float32]:
        """Return the numbers in [0, 1) that ``torch.rand`` draws."""
        out = np.empty(count, dtype=np.float32)
        self.used = _draw(self.words, self.used, np.float32(0.0), out)
        return out

    def below(self, bound: float, count: int) -> npt.NDArray[np.uint8]:
        """Return 1 where a number that ``uniforms`` would return is below a bound in fp32, else 0."""
        out = np.empty(count, dtype=np.uint8)
        self.used = _draw(self.words, self.used, np.float32(bound), out)
        return out


@compiled
def _skip(words: Any, used: Any, count: Any) -> Any:
    while used + count > _WORDS:
        count -= _WORDS - used
        _twist(words)
        used = 0
    return used + count


@compiled
def _draw(words: Any, used: Any, bound: Any, out: Any) -> Any:
    start = 0
    while start < len(out):
        if used == _WORDS:
            _twist(words)
            used = 0
        taken = min(_WORDS - used, len(out) - start)
        source, target = words[used : used + taken], out[start : start + taken]
        for i in range(taken):
            word = source[i]
            word = np.uint32(word ^ (word >> _SHIFTS[0]))
            word = np.uint32(word ^ (np.uint32(word << _SHIFTS[1]) & _TEMPER[0]))
            word = np.uint32(word ^ (np.uint32(word << _SHIFTS[2]) & _TEMPER[1]))
            word = np.uint32(word ^ (word >> _SHIFTS[3]))
            _put(target, i, np.float32(np.int32(word & _MANTISSA)) * _UNIT, bound)
        start += taken
        used += taken
    return used


def _put(target: Any, i: Any, number: Any, bound: Any) -> None:
    """Store a number, or, where the target holds no fp32, whether it is below the bound."""


@overload(_put)
def _put_of(target, i, number, bound):  # type: ignore[no-untyped-def]
    def plain(target, i, number, bound):  # type: ignore[no-untyped-def]
        target[i] = number

    def compared(target, i, number, bound):  # type: ignore[no-untyped-def]
        target[i] = number < bound

    return plain if target.dtype == types.float32 else compared


@compiled
def _twist(words: Any) -> None:
    # Unsigned places, and one array at known distances: only so are the loops compiled to vector instructions.
    for i in range(_FAR):
        words[i] = _mixed(words[i], words[i + _NEXT], words[i + np.uint64(_MIDDLE)])
    for i in range(_FAR, np.uint64(_WORDS - 1)):
        words[i] = _mixed(words[i], words[i + _NEXT], words[i - _FAR])
    words[_WORDS - 1] = _mixed(words[_WORDS - 1], words[0], words[_MIDDLE - 1])


@compiled
def _mixed(word: Any, following: Any, far: Any) -> Any:
    word = np.uint32((word & _UPPER) | (following & _LOWER))
    return np.uint32(np.uint32(far ^ (word >> _ONE)) ^ (_MATRIX * np.uint32(word & _ONE)))
