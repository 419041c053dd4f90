"""What all bodies have in common; no schema imports the server, so that the client reads answers with them too."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """The body of an answer; made of plain data or of what the store hands out."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class Request(BaseModel):
    """The body of a request: unknown keys are refused, values are never coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


# NUL is the one character that PostgreSQL has no place for.
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
