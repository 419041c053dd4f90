"""Exported checkpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.schemas.base import Answer, Request
from experiments.states import ArtifactState


class NewExport(Request):
    """What is exported."""

    candidate: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    """Number of the candidate; null for the winner."""


class FileView(Answer):
    """A file of an artifact."""

    bytes: int
    sha256: str


class ArtifactView(Answer):
    """An exported checkpoint."""

    id: str
    experiment_id: str
    number: int
    """Of the candidate."""
    state: ArtifactState
    files: dict[str, FileView]
    """By name; empty before it is ready."""
    error: str | None
    created_at: datetime
    finished_at: datetime | None


class ArtifactList(Answer):
    """Artifacts, newest first."""

    artifacts: list[ArtifactView]
