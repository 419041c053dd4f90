"""The ledger of an experiment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.schemas.base import Answer
from experiments.states import EventKind, ExperimentState


class EventView(Answer):
    """An entry of the ledger."""

    seq: int
    """Counts from 1 without gaps; the id of the event in the stream."""
    kind: EventKind
    payload: dict[str, Any]
    at: datetime


class EventPage(Answer):
    """Events in order, or the latest first."""

    events: list[EventView]
    last_seq: int
    """Of the newest event of the experiment; the next page is after, or before, the last event of this one."""


class StreamEnd(Answer):
    """The last event of a stream."""

    state: ExperimentState
    """Final; nothing follows."""
