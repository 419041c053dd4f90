"""Requests that must take effect once, however often they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from evomerge.errors import StateConflict
from experiments.entities import Once
from experiments.records import RequestRecord

# A client that repeats a request after a week has forgotten it.
KEPT = timedelta(days=7)


class AlreadyDone(Exception):
    """The request took effect before; ``resource`` is what it made."""

    def __init__(self, resource: str) -> None:
        super().__init__(resource)
        self.resource = resource


def check_once(session: Session, once: Once | None) -> None:
    """Let a request pass that is new; call it before anything is written.

    Raises:
        AlreadyDone: the same request took effect before.
        StateConflict: its key belongs to another request.
    """
    if once is None:
        return
    known = session.get(RequestRecord, (once.owner, once.key))
    if known is None:
        return
    if known.fingerprint != once.fingerprint:
        raise StateConflict(
            "Idempotency-Key", f"'{once.key}' was sent with another request", "send a new key with a new request"
        )
    raise AlreadyDone(known.resource)


def record_once(session: Session, once: Once | None, resource: str) -> None:
    """Record what a request made, in the transaction that made it.

    Raises:
        StateConflict: the same request is being carried out at this moment.
    """
    if once is None:
        return
    now = datetime.now(UTC)
    session.execute(delete(RequestRecord).where(RequestRecord.at < now - KEPT))
    session.add(RequestRecord(owner=once.owner, key=once.key, fingerprint=once.fingerprint, resource=resource, at=now))
    try:
        session.flush()
    except IntegrityError as error:
        raise StateConflict(
            "Idempotency-Key", f"a request with '{once.key}' is under way", "send it again in a moment"
        ) from error
