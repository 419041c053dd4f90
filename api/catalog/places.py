"""Which files and directories of this machine a caller may name: those inside the operator's roots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def locate(text: str, roots: Sequence[Path]) -> Path | None:
    """Return the real path of what ``text`` names inside one of the roots; None where it names nothing there.

    A relative path starts at each root in turn. What is outside and what does not exist look the same, so that nobody
    can ask which files there are; symbolic links are followed before the comparison.
    """
    for root in roots:
        found = _resolve(root / text)
        if found is not None and is_inside(found, roots):
            return found
    return None


def is_inside(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether a path that is resolved already is below one of the roots."""
    real = [root.resolve() for root in roots]
    return any(path.is_relative_to(root) and path != root for root in real)


def _resolve(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # nothing there, no path at all (NUL, surrogates), a loop of links
        return None
