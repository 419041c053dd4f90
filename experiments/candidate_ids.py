"""Ids for candidates before their rows are written, so that all rows of a transaction are written at once."""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from experiments.records import CandidateRecord

_NEXT = text("SELECT nextval(pg_get_serial_sequence('candidates', 'id')) FROM generate_series(1, :count)")
_LAST = select(func.coalesce(func.max(CandidateRecord.id), 0))


class CandidateIds:
    """Ids that no other candidate gets, for one transaction that writes."""

    def __init__(self, session: Session) -> None:
        """Take the transaction's session."""
        self._session = session
        self._free: list[int] = []
        self._last: int | None = None
        self._taken = 0

    @classmethod
    def of(cls, session: Session) -> CandidateIds:
        """Return those of a session, which has one transaction."""
        found: CandidateIds = session.info.setdefault("evomerge_candidate_ids", cls(session))
        return found

    def take(self) -> int:
        """Return the next id."""
        if not self._free:
            with self._session.no_autoflush:
                self._free = self._reserve()
        self._taken += 1
        self._last = self._free.pop()
        return self._last

    def _reserve(self) -> list[int]:
        if self._session.get_bind().dialect.name == "postgresql":
            # Each question is a round trip: as many as were taken so far. What is left over is never used.
            return sorted(self._session.scalars(_NEXT, {"count": max(1, self._taken)}), reverse=True)
        # Nobody else writes to SQLite until the transaction ends.
        return [1 + (self._session.scalars(_LAST).one() if self._last is None else self._last)]
