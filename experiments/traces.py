"""The states of a search's distribution: one row per update, read back as columns of bounded length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from experiments.recording import Recorder
from experiments.records import SearchTraceRecord


@dataclass(frozen=True)
class TraceRow:
    """The distribution after one of its updates.

    Attributes:
        updates: updates of the search by then, those of earlier runs included.
        run: counts the restarts from 0.
        number: candidates of the experiment that were asked by then.
        items: search items that were scored by then, over all candidates.
        state: JSON data: ``optimizer.search.state.SearchState`` without what is above.
    """

    updates: int
    run: int
    number: int
    items: int
    state: Mapping[str, Any]


@dataclass(frozen=True)
class TraceSample:
    """Rows at even distances, the last one included, and the updates at which a new run began."""

    rows: list[TraceRow]
    restarts: list[int]


class TraceBook(Recorder):
    """The traces of all experiments."""

    def trace(self, experiment_id: str, *, points: int = 500) -> TraceSample:
        """Return at most ``points`` rows of an experiment's trace in order; two queries."""
        table = SearchTraceRecord
        runs = (
            select(func.min(table.updates), func.max(table.updates), func.count())
            .where(table.experiment_id == experiment_id)
            .group_by(table.run)
            .order_by(table.run)
        )
        query = select(table).where(table.experiment_id == experiment_id).order_by(table.updates)
        with self._session() as session:
            found = session.execute(runs).all()
            last = max((row[1] for row in found), default=0)
            width = max(1, math.ceil(last / points))
            # One of ``width`` neighbours each, counted back from the last.
            rows = session.scalars(query.where(table.updates % width == last % width))
            sample = [TraceRow(row.updates, row.run, row.number, row.items, row.state) for row in rows]
        return TraceSample(sample, [row[0] for row in found[1:]])

    def last_trace(self, experiment_id: str) -> int:
        """Return the updates of the last row; 0 where there is none."""
        query = select(func.max(SearchTraceRecord.updates)).where(SearchTraceRecord.experiment_id == experiment_id)
        with self._session() as session:
            return session.scalar(query) or 0

    def record_trace(self, experiment_id: str, rows: Sequence[TraceRow]) -> None:
        """Record rows that are not recorded yet, in one transaction."""
        with self._driving(experiment_id) as ledger:
            ledger.session.add_all(SearchTraceRecord(experiment_id=experiment_id, **vars(row)) for row in rows)
