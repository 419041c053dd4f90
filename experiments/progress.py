"""Counting the progress of experiments: three queries for any number of them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from experiments.entities import Progress
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord
from experiments.states import CandidateState, EvaluationState, EventKind, Split


def count_progress(session: Session, ids: Sequence[str]) -> dict[str, Progress]:
    """Return the counts of each experiment; all zero where nothing is recorded."""
    owner = CandidateRecord.experiment_id
    candidates = {
        row.experiment_id: row
        for row in session.execute(
            select(
                owner,
                func.count().label("candidates"),
                _count(CandidateRecord.state == CandidateState.SCORED).label("scored"),
                _count(CandidateRecord.state == CandidateState.INFEASIBLE).label("infeasible"),
                func.max(CandidateRecord.fitness).label("best_fitness"),
            )
            .where(owner.in_(ids))
            .group_by(owner)
        )
    }
    evaluations = {
        row.experiment_id: row
        for row in session.execute(
            select(
                owner,
                _count(EvaluationRecord.state == EvaluationState.RUNNING).label("running"),
                _count(EvaluationRecord.state == EvaluationState.DONE).label("done"),
                func.sum(EvaluationRecord.prompt_tokens).label("prompt_tokens"),
                func.sum(EvaluationRecord.generated_tokens).label("generated_tokens"),
                func.sum(case((EvaluationRecord.split == Split.SEARCH, EvaluationRecord.num_items), else_=0)).label(
                    "search_items"
                ),
            )
            .join(EvaluationRecord, EvaluationRecord.candidate_id == CandidateRecord.id)
            .where(owner.in_(ids))
            .group_by(owner)
        )
    }
    lost = {
        experiment_id: count
        for experiment_id, count in session.execute(
            select(EventRecord.experiment_id, func.count())
            .where(EventRecord.experiment_id.in_(ids), EventRecord.kind == EventKind.LOST)
            .group_by(EventRecord.experiment_id)
        )
    }
    result = {}
    for key in ids:
        first, second = candidates.get(key), evaluations.get(key)
        result[key] = Progress(
            candidates=first.candidates if first else 0,
            scored=first.scored if first else 0,
            infeasible=first.infeasible if first else 0,
            running=second.running if second else 0,
            done=second.done if second else 0,
            lost=lost.get(key, 0),
            prompt_tokens=int(second.prompt_tokens) if second else 0,
            generated_tokens=int(second.generated_tokens) if second else 0,
            search_items=int(second.search_items) if second else 0,
            best_fitness=first.best_fitness if first else None,
        )
    return result


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
