"""What all bodies have in common."""

from __future__ import annotations

import base64
import json
import math
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from evomerge.errors import InvalidInput


class Answer(BaseModel):
    """The body of an answer; made of plain data or of what the store hands out."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class Request(BaseModel):
    """The body of a request: unknown keys are refused, values are never coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


# NUL is the one character that PostgreSQL has no place for.
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
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
