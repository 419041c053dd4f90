"""Random streams keyed by what they are for.

A draw depends on (seed, tensor name, expert name) and nothing else, so the order of tensors, the
sharding and the number of workers cannot change a stochastic merge.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from merging.generators import philox_words

LEVELS = 1 << 16


def uniform_levels(seed: int, tensor: str, expert: str, count: int) -> npt.NDArray[np.int16]:
    """Return ``count`` draws, uniform over all 65536 values of int16.

    Comparing a draw with a threshold keeps an element with any probability k / 65536; two bytes per
    element are enough to apply every density to one fixed draw. The generator is Philox, which is
    counter based, keyed by a hash of the three names.
    """
    name = "\0".join((str(seed), tensor, expert)).encode()
    key = int.from_bytes(hashlib.sha256(name).digest()[:16], "little")
    return philox_words(key, -(-count // 4)).astype("<u8", copy=False).view("<i2")[:count]


def philox(seed: int, *names: str) -> np.random.Generator:
    """Return a generator keyed by the seed and any names."""
    text = "\0".join((str(seed), *names)).encode()
    key = int.from_bytes(hashlib.sha256(text).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def uniforms(seed: int, *names: str, count: int) -> npt.NDArray[np.float64]:
    """Return ``count`` draws, uniform in [0, 1), keyed by the seed and any names."""
    return philox(seed, *names).random(count)


def keep_threshold(density: float) -> tuple[int, float]:
    """Return (threshold, probability): draws below the int16 threshold are kept with that exact probability.

    The density is rounded to a multiple of 1/65536, but never to zero.
    """
    levels = max(1, round(density * LEVELS))
    return levels - LEVELS // 2, levels / LEVELS
