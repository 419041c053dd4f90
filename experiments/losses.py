"""Attempts that were lost: the ledger keeps them, while an evaluation's row is that of its last attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from experiments.reading import Reader
from experiments.records import EventRecord
from experiments.states import WHOLE, EventKind, Split


@dataclass(frozen=True)
class Loss:
    """An attempt that gave no result; ``worker`` and ``started_at`` are None in records of 2026-11-26 and before."""

    experiment_id: str
    number: int
    split: Split
    block: int
    attempt: int
    worker: str | None
    started_at: datetime | None
    lost_at: datetime
    reason: str


class LossReader(Reader):
    """Reads the ledger from its end."""

    def losses(
        self,
        experiment_ids: Sequence[str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 2000,
    ) -> list[Loss]:
        """Return the last attempts of some experiments that were lost, the latest first; one query.

        Args:
            experiment_ids: the experiments.
            since: only what was lost later.
            until: only what began earlier.
            limit: losses at most.
        """
        lost = EventRecord
        query = (
            select(lost.experiment_id, lost.payload, lost.at)
            .where(lost.experiment_id.in_(experiment_ids), lost.kind == EventKind.LOST)
            .order_by(lost.id.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(lost.at > since)
        if until is not None:
            query = query.where(lost.payload["started_at"].as_string() < moment_text(until))
        with self._session() as session:
            return [
                Loss(
                    experiment_id=experiment,
                    number=payload["number"],
                    split=Split(payload["split"]),
                    block=payload.get("block", WHOLE),
                    attempt=payload["attempt"],
                    worker=payload.get("worker"),
                    started_at=None if (text := payload.get("started_at")) is None else datetime.fromisoformat(text),
                    lost_at=lost_at,
                    reason=payload["reason"],
                )
                for experiment, payload, lost_at in session.execute(query)
            ]


def moment_text(moment: datetime) -> str:
    """Return a moment as the payloads of losses have it: texts in the order of time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
