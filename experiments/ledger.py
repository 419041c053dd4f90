"""Writing to one experiment: its row locked, its ledger appended in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from evomerge.errors import NotFound, StateConflict
from experiments.candidate_ids import CandidateIds
from experiments.entities import Event, ScoredItem
from experiments.losses import moment_text
from experiments.reading import to_event
from experiments.records import CandidateRecord, EvaluationRecord, EventRecord, ExperimentRecord
from experiments.results import insert_items
from experiments.statements import (
    CANDIDATES_AND_EVALUATIONS,
    LOCKED_EXPERIMENT,
    NEW_EVENTS,
    OWNERS,
)
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

_LOCKED = "evomerge_locked"


class Ledger:
    """One experiment inside a write transaction; nobody else can write to it until that ends.

    There is one for all that a transaction records. What it adds is written at its end, each kind in one statement
    (``write_all``), since most of the time of a batch would otherwise go into round trips.
    """

    def __init__(self, session: Session, experiment: ExperimentRecord) -> None:
        """Write to an experiment that is new or locked."""
        self.session = session
        self.experiment = experiment
        self.now: datetime
        # The record is ours until the transaction ends, so that nothing has to be read twice.
        self._candidates: dict[int, CandidateRecord] = {}
        self._evaluations: dict[tuple[int, Split, int], EvaluationRecord] = {}
        self._asked: list[int] = []
        self._events: list[dict[str, Any]] = []
        self._items: list[tuple[EvaluationRecord, Sequence[ScoredItem]]] = []
        self._touch()
        _locked(session)[experiment.id] = self

    def _touch(self) -> None:
        self.now = self.experiment.updated_at = datetime.now(UTC)

    @classmethod
    def lock(cls, session: Session, experiment_id: str) -> Ledger:
        """Lock an experiment's row until the transaction ends.

        Raises:
            NotFound: there is no such experiment.
        """
        if (known := _locked(session).get(experiment_id)) is not None:
            known._touch()
            return known
        experiment = session.scalars(LOCKED_EXPERIMENT, {"id": experiment_id}).first()
        if experiment is None:
            raise NotFound("experiment", f"there is none with id '{experiment_id}'", "write its full id")
        return cls(session, experiment)

    @classmethod
    def lock_candidates(cls, session: Session, candidate_ids: Collection[int]) -> None:
        """Lock the experiments of candidates, and read all candidates with their evaluations as they are then.

        Raises:
            NotFound: one does not exist.
        """
        wanted = {"candidates": list(candidate_ids)}
        with session.no_autoflush:  # what is not written yet belongs to candidates that are known
            owners = {row.id: row.experiment_id for row in session.execute(OWNERS, wanted)}
            for missing in {*candidate_ids} - {*owners}:
                raise NotFound("candidate", f"there is none with id {missing}", "use the id that record_ask gave")
            # In one order, so that nobody waits for one who waits for him.
            ledgers = {owner: cls.lock(session, owner) for owner in sorted({*owners.values()})}
            for candidate, evaluation in session.execute(CANDIDATES_AND_EVALUATIONS, wanted):
                ledger = ledgers[candidate.experiment_id]
                ledger._candidates[candidate.id] = candidate
                if evaluation is not None:
                    ledger._evaluations[candidate.id, evaluation.split, evaluation.block] = evaluation

    @classmethod
    def lock_candidate(cls, session: Session, candidate_id: int) -> tuple[Ledger, CandidateRecord]:
        """Lock the experiment of a candidate and return both; what ``lock_candidates`` read is not read again.

        Raises:
            NotFound: there is no such candidate.
        """
        if not any(candidate_id in one._candidates for one in _locked(session).values()):
            cls.lock_candidates(session, [candidate_id])
        ledger = next(one for one in _locked(session).values() if candidate_id in one._candidates)
        ledger._touch()
        return ledger, ledger._candidates[candidate_id]

    def new_candidate(self, columns: Mapping[str, Any]) -> CandidateRecord:
        """Add a candidate under an id of its own; it is written with everything else."""
        candidate = CandidateRecord(id=CandidateIds.of(self.session).take(), **columns)
        self.session.add(candidate)
        self.experiment.num_candidates += 1
        self._candidates[candidate.id] = candidate
        self._asked.append(candidate.number)
        return candidate

    def append(self, kind: EventKind, payload: Mapping[str, Any]) -> int:
        """Append an event under the next ``seq``, which is returned."""
        self.experiment.last_seq += 1
        self._events.append(
            {
                "experiment_id": self.experiment.id,
                "seq": self.experiment.last_seq,
                "kind": kind,
                "payload": dict(payload),
                "at": self.now,
            }
        )
        return self.experiment.last_seq

    def append_now(self, kind: EventKind, payload: Mapping[str, Any]) -> Event:
        """Append an event, write it, and return it."""
        seq = self.append(kind, payload)
        self.write()
        query = select(EventRecord).filter_by(experiment_id=self.experiment.id, seq=seq)
        return to_event(self.session.scalars(query).one())

    def score(self, evaluation: EvaluationRecord, items: Sequence[ScoredItem]) -> None:
        """Keep the items of a result."""
        self._items.append((evaluation, items))

    def write(self) -> None:
        """Write everything that was recorded so far.

        Raises:
            StateConflict: the number of a new candidate is taken; the transaction is over.
        """
        try:
            self.session.flush()
        except IntegrityError as error:
            # Both back ends name the constraint's columns; anything else is no matter of numbers.
            if not self._asked or "number" not in str(error.orig):
                raise
            twice = [one for one, count in Counter(self._asked).items() if count > 1]
            which = ", ".join(map(str, twice or self._asked))
            raise StateConflict(f"candidate {which}", "it is recorded already", "take the next number") from error
        self._asked = []
        if self._events:
            self.session.execute(NEW_EVENTS, self._events)
            self._events = []
        if self._items:
            insert_items(self.session, ((row.id, items) for row, items in self._items))
            self._items = []

    @staticmethod
    def write_all(session: Session) -> None:
        """Write what a transaction recorded, of all its experiments; it comes before the commit."""
        for ledger in _locked(session).values():
            ledger.write()

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
        return self._evaluations.get((candidate.id, split, block))

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
            provenance=None,
            weights=None,
            copied_from=None,
        )
        self.session.add(row)
        self._evaluations[candidate.id, split, block] = row
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
                "worker": evaluation.worker,
                "started_at": evaluation.started_at and moment_text(evaluation.started_at),
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


def _locked(session: Session) -> dict[str, Ledger]:
    ledgers: dict[str, Ledger] = session.info.setdefault(_LOCKED, {})
    return ledgers


def subject_of(candidate: CandidateRecord, split: Split, block: int) -> str:
    """Return what messages call an evaluation: ``candidate 3 on search, block 1``."""
    part = "" if block == WHOLE else f", block {block}"
    return f"candidate {candidate.number} on {split}{part}"
