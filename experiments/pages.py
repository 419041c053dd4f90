"""Reads for people who watch: pages of lists of bounded length, however many candidates there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import defer

from evomerge.errors import NotFound
from experiments.curves import Curves
from experiments.efforts import EffortReader
from experiments.entities import Candidate, Evaluation, Event, StoredItem
from experiments.headlines import HeadlineReader
from experiments.losses import LossReader
from experiments.reading import to_candidate, to_evaluation
from experiments.records import CandidateRecord, EvaluationRecord, ExperimentRecord, ItemScoreRecord
from experiments.sampling import stride
from experiments.states import (
    EXPERIMENT_STEPS,
    WHOLE,
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    Split,
)
from experiments.task_scores import TaskScoreReader
from experiments.vitals import VitalsReader

Order = Literal["number", "-number", "-fitness"]
MatrixOrder = Order | Literal["even"]


@dataclass(frozen=True)
class Matrix:
    """Points of the search space; ``values`` has one row per candidate in the order of ``number``."""

    number: list[int]
    kind: list[str]
    fitness: list[float | None]
    values: list[list[float]]


@dataclass(frozen=True)
class WorkerActivity:
    """What a worker did, as the record has it; ``busy_s`` is the time inside its finished evaluations."""

    worker: str
    running: int
    done: int
    lost: int
    infeasible: int
    items: int
    generated_tokens: int
    last_seen: datetime | None


class Pages(Curves, EffortReader, HeadlineReader, LossReader, TaskScoreReader, VitalsReader):
    """Each call is a fixed number of queries, and reads no more rows than it returns or counts."""

    def candidate(self, experiment_id: str, number: int) -> Candidate:
        """Return one candidate.

        Raises:
            NotFound: the experiment has none of this number.
        """
        with self._session() as session:
            row = session.scalars(select(CandidateRecord).filter_by(experiment_id=experiment_id, number=number)).first()
            if row is None:
                raise NotFound(
                    f"candidate {number}", f"experiment {experiment_id} has none of this number", "list its candidates"
                )
            return to_candidate(row)

    def candidates_page(
        self,
        experiment_id: str,
        *,
        kind: CandidateKind | None = None,
        state: CandidateState | None = None,
        order: Order = "number",
        after: tuple[float | None, int] | None = None,
        limit: int = 100,
    ) -> list[Candidate]:
        """Return a page of candidates.

        Args:
            experiment_id: the experiment.
            kind: only of this kind.
            state: only in this state.
            order: ascending or descending number, or best fitness first (scored candidates only).
            after: (fitness, number) of the last one of the page before; the fitness counts in the order by it only.
            limit: at most so many.
        """
        table = CandidateRecord
        query = select(table).where(table.experiment_id == experiment_id)
        if kind is not None:
            query = query.where(table.kind == kind)
        if order == "-fitness":
            query = query.where(table.state == CandidateState.SCORED, table.fitness.is_not(None))
            query = query.order_by(table.fitness.desc(), table.number)
        else:
            query = query.order_by(table.number.desc() if order == "-number" else table.number)
        if state is not None:
            query = query.where(table.state == state)
        if after is not None:
            fitness, number = after
            if order == "-fitness":  # the first condition is one that an index answers
                query = query.where(table.fitness <= fitness, or_(table.fitness < fitness, table.number > number))
            else:
                query = query.where(table.number < number if order == "-number" else table.number > number)
        with self._session() as session:
            return [to_candidate(row) for row in session.scalars(query.limit(limit))]

    def evaluations_of(self, candidate_id: int) -> list[Evaluation]:
        """Return the evaluations of one candidate by split and block."""
        query = select(EvaluationRecord).filter_by(candidate_id=candidate_id)
        with self._session() as session:
            rows = session.scalars(query.order_by(EvaluationRecord.split, EvaluationRecord.block))
            return [to_evaluation(row) for row in rows]

    def items_page(
        self,
        candidate: Candidate,
        split: Split,
        *,
        after: tuple[str, str] | None = None,
        limit: int = 200,
        outputs: bool = False,
    ) -> list[StoredItem]:
        """Return a page of a candidate's items by task and item; ``after`` is (task, item) of the page before."""
        table = ItemScoreRecord
        query = (
            select(table)
            .join(EvaluationRecord, EvaluationRecord.id == table.evaluation_id)
            .where(EvaluationRecord.candidate_id == candidate.id, EvaluationRecord.split == split)
            .order_by(table.task, table.item)
            .limit(limit)
        )
        if after is not None:
            query = query.where(or_(table.task > after[0], and_(table.task == after[0], table.item > after[1])))
        if not outputs:
            query = query.options(defer(table.output))
        with self._session() as session:
            return [
                StoredItem(
                    candidate_id=candidate.id,
                    number=candidate.number,
                    task=row.task,
                    item=row.item,
                    score=row.score,
                    reference_logprob=row.reference_logprob,
                    output=row.output if outputs else None,
                )
                for row in session.scalars(query)
            ]

    def coefficients(self, experiment_id: str, *, order: MatrixOrder = "-number", limit: int = 200) -> Matrix:
        """Return the searched points of at most ``limit`` candidates, in an order of ``candidates_page``.

        ``even`` takes one of every few candidates from the first to the last, by number.
        """
        table = CandidateRecord
        query = select(table.number, table.kind, table.fitness, table.vector).where(
            table.experiment_id == experiment_id, table.kind.in_([CandidateKind.SEARCH, CandidateKind.MEAN])
        )
        if order == "-fitness":
            query = query.where(table.state == CandidateState.SCORED).order_by(table.fitness.desc(), table.number)
        else:
            query = query.order_by(table.number.desc() if order == "-number" else table.number)
        with self._session() as session:
            if order == "even":
                total = session.scalar(select(ExperimentRecord.num_candidates).filter_by(id=experiment_id)) or 0
                query = query.where(table.number % stride(total, limit) == 0)
            rows = session.execute(query.limit(limit)).all()
        return Matrix(
            number=[row.number for row in rows],
            kind=[row.kind.value for row in rows],
            fitness=[row.fitness for row in rows],
            values=[row.vector or [] for row in rows],
        )

    def worker_activity(self, experiment_ids: Sequence[str]) -> dict[str, list[WorkerActivity]]:
        """Return what each worker of some experiments did, the last seen first, by experiment; one query."""
        table, owner = EvaluationRecord, CandidateRecord.experiment_id
        last = func.max(func.coalesce(table.finished_at, table.started_at)).label("last_seen")

        def count(state: EvaluationState) -> Any:
            return func.count(case((table.state == state, 1)))

        query = (
            select(
                owner,
                table.worker,
                count(EvaluationState.RUNNING),
                count(EvaluationState.DONE),
                count(EvaluationState.LOST),
                count(EvaluationState.INFEASIBLE),
                func.sum(table.num_items),
                func.sum(table.generated_tokens),
                last,
            )
            .join(CandidateRecord, CandidateRecord.id == table.candidate_id)
            .where(owner.in_(experiment_ids), table.worker.is_not(None))
            .group_by(owner, table.worker)
            .order_by(last.desc())
        )
        found: dict[str, list[WorkerActivity]] = {one: [] for one in experiment_ids}
        with self._session() as session:
            rows: Any = session.execute(query)  # more columns than typed rows can have
            for experiment, *values in rows:
                name, running, done, lost, infeasible, items, tokens, seen = values
                activity = WorkerActivity(name, running, done, lost, infeasible, int(items), int(tokens), seen)
                found[experiment].append(activity)
        return found

    def started_evaluations(
        self, experiment_id: str, *, before: int | None = None, limit: int = 100
    ) -> list[tuple[int, int, Evaluation | None]]:
        """Return the starts of evaluations, the latest first: (``seq``, number of the candidate, evaluation).

        The evaluation is None where that attempt was not its last one: it stands at its last start. Two queries.

        Args:
            experiment_id: the experiment.
            before: only starts in front of this ``seq``.
            limit: starts at most.
        """
        started = self.events(experiment_id, kinds=(EventKind.START,), newest=True, after=before or 0, limit=limit)
        # The ledger is in order by an index; the evaluations are not in any order of one experiment.
        candidates = {event.payload["candidate_id"] for event in started}
        query = select(EvaluationRecord).where(EvaluationRecord.candidate_id.in_(candidates))
        with self._session() as session:
            found = {
                (row.candidate_id, row.split, row.block, row.attempt): to_evaluation(row)
                for row in session.scalars(query)
            }
        return [(event.seq, event.payload["number"], found.get(_attempt_key(event))) for event in started]

    def decisions(self, experiment_id: str) -> dict[str, Mapping[str, Any]]:
        """Return what was decided so far, by the name of the decision; one query, answered from an index."""
        return {
            event.payload["decision"]: event.payload["data"]
            for event in self.events(experiment_id, kinds=(EventKind.DECISION,))
        }

    def count_open(self, owner: str) -> int:
        """Return how many experiments of an owner have not ended."""
        table = ExperimentRecord
        still = table.state.in_([state for state, following in EXPERIMENT_STEPS.items() if following])
        with self._session() as session:
            return session.scalar(select(func.count()).where(table.owner == owner, still)) or 0


def _attempt_key(event: Event) -> tuple[int, Split, int, int]:
    payload = event.payload
    return payload["candidate_id"], Split(payload["split"]), payload.get("block", WHOLE), payload["attempt"]
