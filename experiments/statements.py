"""The statements of every record, built once: building one takes longer than SQLite takes to execute it."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, insert, select
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
_ONE_EVALUATION = (
    EvaluationRecord.candidate_id == bindparam("candidate"),
    EvaluationRecord.split == bindparam("split"),
    EvaluationRecord.block == bindparam("block"),
)
EVALUATION = select(EvaluationRecord).where(*_ONE_EVALUATION)
CANDIDATE_AND_EVALUATION = (
    select(CandidateRecord, EvaluationRecord)
    .outerjoin(EvaluationRecord, and_(*_ONE_EVALUATION))
    .where(CandidateRecord.id == bindparam("candidate"))
    .options(*_POINT)
    .execution_options(populate_existing=True)
)
NEW_CANDIDATE = insert(CandidateRecord).returning(CandidateRecord).options(*_POINT)
NEW_EVENTS = insert(Record.metadata.tables[EventRecord.__tablename__])
