"""What candidates reached on each task, of those that were scored on all search items."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select

from experiments.pooling import pooled_summary
from experiments.reading import Reader
from experiments.records import CandidateRecord, EvaluationRecord
from experiments.states import CandidateKind, CandidateState, EvaluationState, Split

# The best ones are read in any case: a sample would miss most of them.
_BEST = 10


@dataclass(frozen=True)
class TaskScored:
    """A candidate and what it reached; ``tasks`` holds items, score and stderr by name, as a result's summary does."""

    number: int
    kind: CandidateKind
    label: str
    tasks: Mapping[str, Mapping[str, Any]]


class TaskScoreReader(Reader):
    """Each call is one query, and reads the evaluations of the candidates that it returns."""

    def task_scores(
        self, experiment_id: str, items: int, *, every: int = 1, always: Collection[int] = ()
    ) -> list[TaskScored]:
        """Return the candidates that were scored on all search items, by number; one query.

        Besides every so many-th one these are the ten with the best fitness and all that the search did not draw.

        Args:
            experiment_id: the experiment.
            items: how many search items there are.
            every: 1 for all candidates.
            always: numbers of others that are returned whatever ``every`` is.
        """
        table, one = CandidateRecord, EvaluationRecord
        mine = table.experiment_id == experiment_id
        best = select(table.id).where(mine, table.state == CandidateState.SCORED)
        best = best.order_by(table.fitness.desc()).limit(_BEST)
        wanted = or_(
            table.number % every == 0,
            table.kind != CandidateKind.SEARCH,
            table.number.in_(always),
            table.id.in_(best.scalar_subquery()),
        )
        scored = (one.split == Split.SEARCH, one.state == EvaluationState.DONE)
        complete = (
            select(one.candidate_id)
            .join(table, table.id == one.candidate_id)
            .where(mine, wanted, *scored)
            .group_by(one.candidate_id)
            .having(func.sum(one.num_items) >= items)
        )
        query = (
            select(table.number, table.kind, table.label, one.summary)
            .join(one, one.candidate_id == table.id)
            .where(table.id.in_(complete), *scored)
            .order_by(table.number, one.block)
        )
        found: dict[int, tuple[CandidateKind, str, list[Mapping[str, Any]]]] = {}
        with self._session() as session:
            for number, kind, label, summary in session.execute(query):
                found.setdefault(number, (kind, label, []))[2].append(summary)
        return [
            TaskScored(number, kind, label, pooled_summary(parts)) for number, (kind, label, parts) in found.items()
        ]
