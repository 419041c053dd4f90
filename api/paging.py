"""Pages of lists: how many entries, and where the next page starts."""

from __future__ import annotations

import base64
import json
import math
from typing import Annotated, Any

from fastapi import Query

from evomerge.errors import InvalidInput

Limit = Annotated[int, Query(ge=1, le=200, description="Entries of a page at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="The `next` of the page before.")]


def encode_cursor(*mark: str | int | float | None) -> str:
    """Return the place of the last entry of a page as text that means nothing to others."""
    return base64.urlsafe_b64encode(json.dumps(mark).encode()).decode().rstrip("=")


def decode_cursor(text: str, *kinds: type[Any] | tuple[type[Any], ...]) -> list[Any]:
    """Return what ``encode_cursor`` was given.

    Raises:
        InvalidInput: the text is none of ours, or of another list.
    """
    try:
        mark = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True))
    except (ValueError, RecursionError):
        mark = None
    if not isinstance(mark, list) or len(mark) != len(kinds) or not all(map(_fits, mark, kinds)):
        raise InvalidInput("query.cursor", "it is no cursor of this list", "repeat the 'next' of the page before")
    return mark


def _fits(value: Any, kind: type[Any] | tuple[type[Any], ...]) -> bool:
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    if isinstance(value, str):
        return "\0" not in value and value.isprintable()
    return value is None or (math.isfinite(value) and abs(value) < 2**31)
