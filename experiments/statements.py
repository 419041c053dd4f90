"""The statements of every record, built once: building one takes longer than SQLite takes to execute it."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import defer

from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ExperimentRecord, Record

# Specs, recipes and the like are large, and few writes need them.
LOCKED_EXPERIMENT = (
    select(ExperimentRecord)
    .where(ExperimentRecord.id == bindparam("id"))
    .options(defer(ExperimentRecord.spec), defer(ExperimentRecord.resolved))
    .with_for_update(key_share=True)
)
_POINT = defer(CandidateRecord.vector), defer(CandidateRecord.recipe)
OWNERS = select(CandidateRecord.id, CandidateRecord.experiment_id).where(
    CandidateRecord.id.in_(bindparam("candidates", expanding=True))
)
CANDIDATES_AND_EVALUATIONS = (
    select(CandidateRecord, EvaluationRecord)
    .outerjoin(EvaluationRecord, EvaluationRecord.candidate_id == CandidateRecord.id)
    .where(CandidateRecord.id.in_(bindparam("candidates", expanding=True)))
    .options(*_POINT)
)
NEW_EVENTS = insert(Record.metadata.tables[EventRecord.__tablename__])
