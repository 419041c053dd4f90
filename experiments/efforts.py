"""What evaluations took: who, from when to when, how many items and tokens, and seconds of which phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord
from experiments.states import EvaluationState, Split


@dataclass(frozen=True)
class Effort:
    """One evaluation; ``timings_s`` are a worker's seconds by phase, and empty where it gave no result."""

    number: int
    split: Split
    block: int
    state: EvaluationState
    attempt: int  # 0: no worker had to score it
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    timings_s: Mapping[str, float]
    prompt_tokens: int
    generated_tokens: int
    items: int
    fitness: float | None

    @property
    def seconds(self) -> float:
        """A worker's seconds in all."""
        return sum(self.timings_s.values())


@dataclass(frozen=True)
class Lane:
    """A worker within some time; ``since`` is its first start and ``until`` its last start or end."""

    worker: str
    evaluations: int
    lost: int
    running: int
    since: datetime
    until: datetime


class EffortReader(Reader):
    """Each call is one query; what it returns is bounded by its arguments or by the number of workers."""

    def efforts(
        self,
        experiment_id: str,
        *,
        every: int = 1,
        split: Split | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Effort]:
        """Return the evaluations of every so many-th candidate, by number and in the order of their start.

        Args:
            experiment_id: the experiment.
            every: 1 for all candidates.
            split: only on this split.
            since: only what ended later, or has not ended.
            until: only what began earlier.
        """
        one, whose = EvaluationRecord, CandidateRecord
        query = (
            select(
                whose.number,
                one.split,
                one.block,
                one.state,
                one.attempt,
                one.worker,
                one.started_at,
                one.finished_at,
                one.timings_s,
                one.prompt_tokens,
                one.generated_tokens,
                one.num_items,
                one.fitness,
            )
            .join(whose, whose.id == one.candidate_id)
            .where(whose.experiment_id == experiment_id, *_within(since, until))
            .order_by(whose.number, one.id)
        )
        if every > 1:
            query = query.where(whose.number % every == 0)
        if split is not None:
            query = query.where(one.split == split)
        with self._session() as session:
            rows: Any = session.execute(query)  # more columns than typed rows can have
            return [Effort(*row) for row in rows]

    def lanes(self, experiment_id: str, *, since: datetime | None = None, until: datetime | None = None) -> list[Lane]:
        """Return the workers of an experiment by their first start; the arguments are those of ``efforts``."""
        one = EvaluationRecord
        first = func.min(one.started_at)

        def count(state: EvaluationState) -> Any:
            return func.count().filter(one.state == state)

        query = (
            select(
                one.worker,
                func.count(),
                count(EvaluationState.LOST),
                count(EvaluationState.RUNNING),
                first,
                func.max(func.coalesce(one.finished_at, one.started_at)),
            )
            .join(CandidateRecord, CandidateRecord.id == one.candidate_id)
            .where(CandidateRecord.experiment_id == experiment_id, one.worker.is_not(None), one.started_at.is_not(None))
            .where(*_within(since, until))
            .group_by(one.worker)
            .order_by(first, one.worker)
        )
        with self._session() as session:
            return [Lane(*row) for row in session.execute(query)]


def _within(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    table = EvaluationRecord
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(or_(table.finished_at.is_(None), table.finished_at > since))
    if until is not None:
        found.append(table.started_at < until)
    return found
