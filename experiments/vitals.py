"""Whether an experiment is well: what was lost and what failed, and how fast it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select

from experiments.reading import Reader
from experiments.records import CandidateRecord, EventRecord, ExperimentRecord
from experiments.states import CandidateState, EventKind

_WITHIN = timedelta(minutes=10)
_READ = 2000
_GROUPS = 20


@dataclass(frozen=True)
class Reason:
    """Why something did not work out, how often, and the candidate that it last did not work out for."""

    reason: str
    count: int
    number: int


@dataclass(frozen=True)
class Vitals:
    """What the record says of an experiment's health.

    Attributes:
        candidates: asked for.
        ended: of these, scored at least once or infeasible.
        running: evaluations.
        done: evaluations.
        lost: attempts.
        infeasible: candidates.
        losses: why attempts were lost, the most frequent reasons of the latest 2,000.
        failures: why candidates are infeasible, likewise.
        last_event_at: when the record last grew.
        per_minute: candidates that were asked for within the last ten minutes and have ended; None without any.
        answer_s: seconds that the store took to answer the smallest question.
    """

    candidates: int
    ended: int
    running: int
    done: int
    lost: int
    infeasible: int
    losses: list[Reason]
    failures: list[Reason]
    last_event_at: datetime | None
    per_minute: float | None
    answer_s: float


class VitalsReader(Reader):
    """Reads the newest rows only."""

    def vitals(self, experiment_id: str) -> Vitals:
        """Return the health of an experiment; six queries."""
        table, event, one = ExperimentRecord, EventRecord, CandidateRecord
        number = event.payload["number"].as_integer()
        lost = (
            select(event.payload["reason"].as_string().label("reason"), number.label("number"))
            .where(event.experiment_id == experiment_id, event.kind == EventKind.LOST)
            .order_by(event.seq.desc())
            .limit(_READ)
            .subquery()
        )
        failed = (
            select(one.reason, one.number)
            .where(one.experiment_id == experiment_id, one.state == CandidateState.INFEASIBLE)
            .order_by(one.id.desc())  # an index has them in this order
            .limit(_READ)
            .subquery()
        )
        now = datetime.now(UTC)
        recent = one.created_at > now - _WITHIN
        ended = case((one.state != CandidateState.ASKED, 1))
        pace = select(func.count(ended), func.min(one.created_at)).where(one.experiment_id == experiment_id, recent)
        last = select(event.at).where(event.experiment_id == experiment_id).order_by(event.seq.desc()).limit(1)
        with self._session() as session:
            session.scalar(select(1))  # opens the connection
            began = time.perf_counter()
            session.scalar(select(1))
            answer_s = time.perf_counter() - began
            counts = select(
                table.num_candidates,
                table.num_scored,
                table.num_infeasible,
                table.num_running,
                table.num_done,
                table.num_lost,
            )
            candidates, scored, infeasible, running, done, num_lost = session.execute(
                counts.where(table.id == experiment_id)
            ).one()
            reasons = []
            for found in (lost, failed):
                count = func.count().label("count")
                query = select(found.c.reason, count, func.max(found.c.number)).group_by(found.c.reason)
                rows = session.execute(query.order_by(count.desc(), found.c.reason).limit(_GROUPS))
                reasons.append([Reason(reason or "", count, number) for reason, count, number in rows])
            num_ended, first = session.execute(pace).one()
            minutes = None if first is None else max((now - first).total_seconds(), 1.0) / 60
            return Vitals(
                candidates=candidates,
                ended=scored + infeasible,
                running=running,
                done=done,
                lost=num_lost,
                infeasible=infeasible,
                losses=reasons[0],
                failures=reasons[1],
                last_event_at=session.scalar(last),
                per_minute=None if minutes is None else num_ended / minutes,
                answer_s=answer_s,
            )
