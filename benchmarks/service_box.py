"""A black box that answers at once."""

from __future__ import annotations

from collections.abc import Mapping


def score(coefficients: Mapping[str, float], items: list[str]) -> list[float]:
    """Return the same score for every item: the closer to the origin, the larger."""
    value = -sum(x * x for x in coefficients.values())
    return [value] * len(items)
