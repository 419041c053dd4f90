"""How many candidates are skipped where all of them are too many to read."""

from __future__ import annotations

from sqlalchemy import CTE, literal, select


def stride(total: int, most: int) -> int:
    """Return the n of "every n-th" that leaves about ``most``; odd, since populations are mostly even."""
    step = max(1, -(-total // most))
    return step + (step > 1 and step % 2 == 0)


def multiples(step: int, end: int) -> CTE:
    """Return a table of the multiples of a number from 0 to below ``end``, in its column ``number``; 0 is always there.

    Joined with, each of its rows is looked up in an index, where a condition on the remainder goes through all rows.
    """
    found = select(literal(0).label("number")).cte("multiples", recursive=True)
    following = found.c.number + step
    return found.union_all(select(following).where(following < end))
