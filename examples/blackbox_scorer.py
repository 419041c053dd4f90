"""A stand-in for something expensive that turns numbers into scores; see blackbox.yaml."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

BEST = {"code": 0.35, "maths": 0.25, "prose": 0.2, "dialogue": 0.6}


def score(coefficients: Mapping[str, float], items: Sequence[str]) -> dict[str, float]:
    """Return 1 for every item that is solved and 0 for the others.

    An item is solved where its difficulty, which depends on its name alone, is below what the coefficients reach.

    Args:
        coefficients: one number for each of the spec's parameters.
        items: names of the items to score.
    """
    distance = math.dist([coefficients[name] for name in BEST], BEST.values())
    reached = 0.9 - 0.8 * distance
    return {item: float(_difficulty(item) < reached) for item in items}


def _difficulty(item: str) -> float:
    return int.from_bytes(hashlib.sha256(item.encode()).digest()[:4], "big") / 2**32
