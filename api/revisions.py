"""ETag, If-None-Match and If-Match: reading only what has changed, and changing only what was seen."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header

from evomerge.errors import BadRequest
from experiments.entities import ExperimentSummary

# Revision, and a digest of everything that is shown.
_TAG = re.compile(r'"(\d{1,9})(?:\.[0-9a-f]+)?"')


def etag(summary: ExperimentSummary) -> str:
    """Return the ETag of an experiment: its revision and a digest, since its counts change without a new revision."""
    return f'"{summary.experiment.revision}.{hashlib.sha256(repr(summary).encode()).hexdigest()[:16]}"'


def matches(header: str | None, tag: str) -> bool:
    """Return whether an If-None-Match header names a tag."""
    known = [part.strip().removeprefix("W/") for part in (header or "").split(",")]
    return tag in known or "*" in known


def _revision(
    if_match: Annotated[
        str | None,
        Header(
            description="The ETag of the experiment as it was seen; 412 where its revision, before the dot, is past."
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise BadRequest(
            "If-Match", "it is not one ETag of an experiment", 'send the ETag as it was received, such as "3.0f"'
        )
    return int(found[1])


RevisionDep = Annotated[int | None, Depends(_revision)]
IfNoneMatch = Annotated[str | None, Header(description="An ETag; 304 without a body where nothing has changed.")]
