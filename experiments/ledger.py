"""Writing to one experiment: its row locked, its ledger appended in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from evomerge.errors import NotFound
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ExperimentRecord
from experiments.states import (
    CANDIDATE_STEPS,
    EVALUATION_STEPS,
    EXPERIMENT_STEPS,
    WHOLE,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Split,
    check_step,
)


class Ledger:
    """One experiment inside a write transaction; nobody else can write to it until that ends."""

    def __init__(self, session: Session, experiment: ExperimentRecord) -> None:
        """Write to an experiment that is new or locked."""
        self.session = session
        self.experiment = experiment
        self.now = datetime.now(UTC)
        experiment.updated_at = self.now

    @classmethod
    def lock(cls, session: Session, experiment_id: str) -> Ledger:
        """Lock an experiment's row until the transaction ends.

        Raises:
            NotFound: there is no such experiment.
        """
        query = select(ExperimentRecord).filter_by(id=experiment_id).with_for_update(key_share=True)
        experiment = session.scalars(query).first()
        if experiment is None:
            raise NotFound("experiment", f"there is none with id '{experiment_id}'", "write its full id")
        return cls(session, experiment)

    @classmethod
    def lock_candidate(cls, session: Session, candidate_id: int) -> tuple[Ledger, CandidateRecord]:
        """Lock the experiment of a candidate, and only then read the candidate.

        Raises:
            NotFound: there is no such candidate.
        """
        owner = session.scalar(select(CandidateRecord.experiment_id).filter_by(id=candidate_id))
        if owner is None:
            raise NotFound("candidate", f"there is none with id {candidate_id}", "use the id that record_ask gave")
        ledger = cls.lock(session, owner)
        return ledger, session.get_one(CandidateRecord, candidate_id)

    def append(self, kind: EventKind, payload: Mapping[str, Any]) -> EventRecord:
        """Append an event under the next ``seq``."""
        self.experiment.last_seq += 1
        event = EventRecord(
            experiment_id=self.experiment.id,
            seq=self.experiment.last_seq,
            kind=kind,
            payload=dict(payload),
            at=self.now,
        )
        self.session.add(event)
        self.session.flush()
        return event

    def step(self, state: ExperimentState, error: str | None = None) -> None:
        """Move the experiment to another state.

        Raises:
            StateConflict: the step is not legal.
        """
        old = self.experiment.state
        check_step(EXPERIMENT_STEPS, f"experiment {self.experiment.id}", old, state)
        self.experiment.state = state
        self.experiment.revision += 1
        driver = self.experiment.driver
        by = driver and f"{driver['host']}:{driver['pid']}"
        self.append(EventKind.STATE, {"from": old, "to": state, "driver": by, "error": error})

    def evaluation(self, candidate: CandidateRecord, split: Split, block: int) -> EvaluationRecord | None:
        """Return the evaluation of a candidate on a block of a split, if it was ever started."""
        query = select(EvaluationRecord).filter_by(candidate_id=candidate.id, split=split, block=block)
        return self.session.scalars(query).first()

    def new_evaluation(
        self, candidate: CandidateRecord, split: Split, block: int, state: EvaluationState
    ) -> EvaluationRecord:
        """Add an evaluation that has no attempt yet."""
        self.experiment.num_running += state is EvaluationState.RUNNING
        self.experiment.num_done += state is EvaluationState.DONE
        row = EvaluationRecord(
            candidate_id=candidate.id,
            split=split,
            block=block,
            state=state,
            attempt=0,
            worker=None,
            started_at=None,
            finished_at=None,
            timings_s={},
            prompt_tokens=0,
            generated_tokens=0,
            fitness=None,
            summary={},
            num_items=0,
            items_digest=None,
            reason=None,
        )
        self.session.add(row)
        return row

    def step_candidate(self, candidate: CandidateRecord, state: CandidateState) -> None:
        """Move a candidate to another state.

        Raises:
            StateConflict: the step is not legal.
        """
        check_step(CANDIDATE_STEPS, f"candidate {candidate.number}", candidate.state, state)
        counts = self.experiment
        counts.num_scored += (state is CandidateState.SCORED) - (candidate.state is CandidateState.SCORED)
        counts.num_infeasible += state is CandidateState.INFEASIBLE
        candidate.state = state

    def step_evaluation(self, candidate: CandidateRecord, row: EvaluationRecord, state: EvaluationState) -> None:
        """Move an evaluation to another state.

        Raises:
            StateConflict: the step is not legal.
        """
        check_step(EVALUATION_STEPS, subject_of(candidate, row.split, row.block), row.state, state)
        counts = self.experiment
        counts.num_running += (state is EvaluationState.RUNNING) - (row.state is EvaluationState.RUNNING)
        counts.num_done += state is EvaluationState.DONE
        counts.num_lost += state is EvaluationState.LOST
        row.state = state

    def lose(self, candidate: CandidateRecord, evaluation: EvaluationRecord, reason: str) -> None:
        """Mark a running evaluation as lost.

        Raises:
            StateConflict: it is not running.
        """
        self.step_evaluation(candidate, evaluation, EvaluationState.LOST)
        evaluation.finished_at = self.now
        evaluation.reason = reason
        self.append(
            EventKind.LOST,
            {
                "candidate_id": candidate.id,
                "number": candidate.number,
                "split": evaluation.split,
                "block": evaluation.block,
                "attempt": evaluation.attempt,
                "reason": reason,
            },
        )

    def dismiss(self, reason: str) -> None:
        """Take the experiment from a driver that does not live any more; what it left running is lost."""
        if self.experiment.state is ExperimentState.RUNNING:
            self.abandon_evaluations(reason)
            self.step(ExperimentState.INTERRUPTED, reason)
            self.experiment.driver = None

    def abandon_evaluations(self, reason: str) -> None:
        """Mark every running evaluation of the experiment as lost."""
        query = (
            select(CandidateRecord, EvaluationRecord)
            .join(EvaluationRecord, EvaluationRecord.candidate_id == CandidateRecord.id)
            .where(
                CandidateRecord.experiment_id == self.experiment.id,
                EvaluationRecord.state == EvaluationState.RUNNING,
            )
            .order_by(EvaluationRecord.id)
        )
        for candidate, evaluation in self.session.execute(query).all():
            self.lose(candidate, evaluation, reason)


def subject_of(candidate: CandidateRecord, split: Split, block: int) -> str:
    """Return what messages call an evaluation: ``candidate 3 on search, block 1``."""
    part = "" if block == WHOLE else f", block {block}"
    return f"candidate {candidate.number} on {split}{part}"
