"""The progress of experiments: counts that are kept with every write, and the best fitness so far."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from experiments.entities import Progress
from experiments.records import CandidateRecord, ExperimentRecord
from experiments.states import CandidateState


def progress_of(session: Session, rows: Sequence[ExperimentRecord]) -> dict[str, Progress]:
    """Return the counts of experiments by id; one query, answered from an index, for any number of them."""
    best = (
        select(func.max(CandidateRecord.fitness))
        .where(
            CandidateRecord.experiment_id == ExperimentRecord.id,
            CandidateRecord.state == CandidateState.SCORED,
        )
        .scalar_subquery()
    )
    ids = [row.id for row in rows]
    found = session.execute(select(ExperimentRecord.id, best).where(ExperimentRecord.id.in_(ids)))
    fitness: dict[str, float | None] = {key: value for key, value in found}
    return {
        row.id: Progress(
            candidates=row.num_candidates,
            scored=row.num_scored,
            infeasible=row.num_infeasible,
            running=row.num_running,
            done=row.num_done,
            lost=row.num_lost,
            prompt_tokens=row.prompt_tokens,
            generated_tokens=row.generated_tokens,
            search_items=row.num_search_items,
            best_fitness=fitness[row.id],
        )
        for row in rows
    }
