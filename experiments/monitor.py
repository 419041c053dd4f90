"""The store as those see it who watch a server: does it answer, how fast, and what does it hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, func, select

from evomerge.errors import StoreError
from experiments.database import current_schema, is_at_head
from experiments.reading import Reader
from experiments.records import ExperimentRecord
from experiments.states import CandidateState, EvaluationState, ExperimentState


@dataclass(frozen=True)
class Census:
    """Counts over all experiments; an evaluation counts as lost once for every lost attempt."""

    experiments: Mapping[ExperimentState, int]
    candidates: Mapping[CandidateState, int]
    evaluations: Mapping[EvaluationState, int]


class Monitor(Reader):
    """What health checks and metrics ask."""

    def check(self) -> None:
        """Let a store pass that answers and has the schema of this version.

        Raises:
            StoreError: it does not.
        """
        with self._session() as session:
            if not is_at_head(session.connection()):
                raise StoreError("the store has an older schema. Fix: run 'evomerge db upgrade'")

    def schema(self) -> str:
        """Return the revision of the schema."""
        with self._session() as session:
            return current_schema(session.connection()) or "none"

    def census(self) -> Census:
        """Count everything by state; one query, which reads one row per experiment."""
        table = ExperimentRecord
        on_candidates = (table.num_candidates, table.num_scored, table.num_infeasible)
        on_evaluations = (table.num_running, table.num_done, table.num_lost)
        sums = [func.sum(column) for column in on_candidates + on_evaluations]
        query = select(table.state, func.count(), *sums).group_by(table.state)
        with self._session() as session:
            rows = session.execute(query).all()
        counts = {state: count for state, count, *_ in rows}
        candidates, scored, infeasible, running, done, lost = (
            sum(int(row[2 + place]) for row in rows) for place in range(len(sums))
        )
        return Census(
            experiments={state: counts.get(state, 0) for state in ExperimentState},
            candidates={
                CandidateState.ASKED: candidates - scored - infeasible,
                CandidateState.SCORED: scored,
                CandidateState.INFEASIBLE: infeasible,
            },
            evaluations={EvaluationState.RUNNING: running, EvaluationState.DONE: done, EvaluationState.LOST: lost},
        )

    def on_statement(self, observe: Callable[[float], None]) -> None:
        """Call ``observe`` with the seconds that each SQL statement took, from now on."""

        @event.listens_for(self._engine, "before_cursor_execute")
        def _begin(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: Any) -> None:
            context.evomerge_began = time.perf_counter()

        @event.listens_for(self._engine, "after_cursor_execute")
        def _end(connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: Any) -> None:
            observe(time.perf_counter() - context.evomerge_began)
