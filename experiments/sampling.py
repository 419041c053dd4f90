"""How many candidates are skipped where all of them are too many to read."""

from __future__ import annotations


def stride(total: int, most: int) -> int:
    """Return the n of "every n-th" that leaves about ``most``; odd, since populations are mostly even."""
    step = max(1, -(-total // most))
    return step + (step > 1 and step % 2 == 0)
