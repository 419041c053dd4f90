"""Attempts that were lost: the ledger keeps them, while an evaluation's row is that of its last attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from experiments.reading import Reader
from experiments.records import EventRecord
from experiments.states import WHOLE, EventKind, Split


@dataclass(frozen=True)
class Loss:
    """An attempt that gave no result; ``worker`` and ``started_at`` are None where the ledger has no start of it."""

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
        lost, start, earlier = aliased(EventRecord), aliased(EventRecord), aliased(EventRecord)
        same = [
            earlier.payload["candidate_id"].as_integer() == lost.payload["candidate_id"].as_integer(),
            earlier.payload["split"].as_string() == lost.payload["split"].as_string(),
        ]
        # The start is the last one in front of the loss: an index leads there, step by step backwards.
        before = (
            select(earlier.id)
            .where(earlier.experiment_id == lost.experiment_id, earlier.kind == EventKind.START, earlier.seq < lost.seq)
            .where(*same, _block(earlier).is_not_distinct_from(_block(lost)))
            .order_by(earlier.seq.desc())
            .limit(1)
            .correlate(lost)
            .scalar_subquery()
        )
        query = (
            select(lost.experiment_id, lost.payload, lost.at, start.payload, start.at)
            .outerjoin(start, and_(start.id == before))
            .where(lost.experiment_id.in_(experiment_ids), lost.kind == EventKind.LOST)
            .order_by(lost.id.desc())
            .limit(limit)
        )
        if since is not None:
            query = query.where(lost.at > since)
        if until is not None:
            query = query.where(start.at < until)
        with self._session() as session:
            return [
                Loss(
                    experiment_id=experiment,
                    number=payload["number"],
                    split=Split(payload["split"]),
                    block=payload.get("block", WHOLE),
                    attempt=payload["attempt"],
                    worker=begun and begun["worker"],
                    started_at=started_at,
                    lost_at=at,
                    reason=payload["reason"],
                )
                for experiment, payload, at, begun, started_at in session.execute(query)
            ]


def _block(event: Any) -> Any:
    return event.payload["block"].as_integer()
