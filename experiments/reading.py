"""The store's read side: each call is one transaction, a fixed number of queries, and plain data out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, func, or_, select
from sqlalchemy.orm import Session, defer

from evomerge.errors import NotFound, nearest
from experiments.database import translated
from experiments.entities import (
    Candidate,
    Driver,
    Evaluation,
    Event,
    Experiment,
    ExperimentSummary,
    Launch,
    Progress,
    Standing,
    StoredItem,
)
from experiments.pooling import pooled
from experiments.progress import progress_of
from experiments.records import (
    CandidateRecord,
    EvaluationRecord,
    EventRecord,
    ExperimentRecord,
    ItemScoreRecord,
)
from experiments.states import (
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Split,
)

# Of tens of thousands of rows, mapped objects take most of the time.
_CANDIDATE = [getattr(CandidateRecord, field.name) for field in fields(Candidate)]
_EVALUATION = [getattr(EvaluationRecord, field.name) for field in fields(Evaluation)]


class Reader:
    """Everything that can be asked about experiments."""

    def __init__(self, engine: Engine) -> None:
        """Read through an engine of ``experiments.database.connect``."""
        self._engine = engine

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with translated(self._engine.url), Session(self._engine) as session:
            yield session

    def get_experiment(self, reference: str) -> Experiment:
        """Return an experiment by id, by exact name (the latest of that name) or by unique start of its id.

        Raises:
            NotFound: nothing, or more than one id, matches; the message names the nearest.
        """
        with self._session() as session:
            return to_experiment(_find_experiment(session, reference))

    def list_experiments(
        self,
        *,
        state: ExperimentState | None = None,
        owner: str | None = None,
        text: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> list[ExperimentSummary]:
        """Return experiments with their counts, newest first; two queries however many there are.

        Args:
            state: only experiments in this state.
            owner: only experiments of this owner.
            text: only experiments with this in their name or at the start of their id.
            limit: at most so many.
            before: only experiments older than this one (its id): the next page.

        Raises:
            NotFound: ``before`` does not exist.
        """
        table = ExperimentRecord
        query = select(table).order_by(table.created_at.desc(), table.id.desc()).limit(limit)
        if state is not None:
            query = query.where(table.state == state)
        if owner is not None:
            query = query.where(table.owner == owner)
        if text is not None:
            named = table.name.contains(text, autoescape=True)
            query = query.where(or_(named, table.id.startswith(text, autoescape=True)))
        with self._session() as session:
            if before is not None:
                mark = _find_experiment(session, before)
                same_moment = and_(table.created_at == mark.created_at, table.id < mark.id)
                query = query.where(or_(table.created_at < mark.created_at, same_moment))
            rows = session.scalars(query).all()
            progress = progress_of(session, rows)
            return [ExperimentSummary(to_experiment(row), progress[row.id]) for row in rows]

    def progress(self, experiment_id: str) -> Progress:
        """Return the counts of one experiment.

        Raises:
            NotFound: there is no such experiment.
        """
        with self._session() as session:
            row = _find_experiment(session, experiment_id)
            return progress_of(session, [row])[row.id]

    def candidates(
        self, experiment_id: str, *, state: CandidateState | None = None, kind: CandidateKind | None = None
    ) -> list[Candidate]:
        """Return the candidates of an experiment by number."""
        query = select(*_CANDIDATE).where(CandidateRecord.experiment_id == experiment_id)
        if state is not None:
            query = query.where(CandidateRecord.state == state)
        if kind is not None:
            query = query.where(CandidateRecord.kind == kind)
        with self._session() as session:
            rows = session.execute(query.order_by(CandidateRecord.number))
            return [Candidate(**{**row._mapping, "vector": row.vector and tuple(row.vector)}) for row in rows]

    def evaluations(
        self, experiment_id: str, *, split: Split | None = None, state: EvaluationState | None = None
    ) -> list[Evaluation]:
        """Return the evaluations of an experiment by candidate number."""
        query = select(*_EVALUATION).join(CandidateRecord, CandidateRecord.id == EvaluationRecord.candidate_id)
        query = query.where(CandidateRecord.experiment_id == experiment_id)
        if split is not None:
            query = query.where(EvaluationRecord.split == split)
        if state is not None:
            query = query.where(EvaluationRecord.state == state)
        with self._session() as session:
            rows = session.execute(query.order_by(CandidateRecord.number, EvaluationRecord.id))
            return [Evaluation(*row) for row in rows]

    def items(
        self, experiment_id: str, split: Split, *, candidate_id: int | None = None, outputs: bool = False
    ) -> list[StoredItem]:
        """Return the per-item scores of an experiment, or of one candidate, by number, task and item.

        Args:
            experiment_id: the experiment.
            split: the split that was scored.
            candidate_id: only this candidate.
            outputs: whether to read the generated texts too, by far the largest part.
        """
        query = (
            select(CandidateRecord.id, CandidateRecord.number, ItemScoreRecord)
            .join(EvaluationRecord, EvaluationRecord.candidate_id == CandidateRecord.id)
            .join(ItemScoreRecord, ItemScoreRecord.evaluation_id == EvaluationRecord.id)
            .where(CandidateRecord.experiment_id == experiment_id, EvaluationRecord.split == split)
            .order_by(CandidateRecord.number, ItemScoreRecord.task, ItemScoreRecord.item)
        )
        if candidate_id is not None:
            query = query.where(CandidateRecord.id == candidate_id)
        if not outputs:
            query = query.options(defer(ItemScoreRecord.output))
        with self._session() as session:
            return [
                StoredItem(
                    candidate_id=candidate,
                    number=number,
                    task=row.task,
                    item=row.item,
                    score=row.score,
                    reference_logprob=row.reference_logprob,
                    output=row.output if outputs else None,
                )
                for candidate, number, row in session.execute(query)
            ]

    def leaderboard(self, experiment_id: str, *, limit: int = 20) -> list[Standing]:
        """Return the scored candidates, best fitness first (the earlier one at a tie); two queries."""
        best = (
            select(CandidateRecord)
            .where(
                CandidateRecord.experiment_id == experiment_id,
                CandidateRecord.state == CandidateState.SCORED,
            )
            .order_by(CandidateRecord.fitness.desc(), CandidateRecord.number)
            .limit(limit)
        )
        with self._session() as session:
            candidates = [to_candidate(row) for row in session.scalars(best)]
            ids = [candidate.id for candidate in candidates]
            query = select(EvaluationRecord).where(
                EvaluationRecord.candidate_id.in_(ids), EvaluationRecord.state == EvaluationState.DONE
            )
            found: dict[int, dict[Split, list[Evaluation]]] = {number: {} for number in ids}
            for row in session.scalars(query.order_by(EvaluationRecord.block)):
                found[row.candidate_id].setdefault(row.split, []).append(to_evaluation(row))
        return [
            Standing(candidate, {split: pooled(blocks) for split, blocks in found[candidate.id].items()})
            for candidate in candidates
        ]

    def tests_on(self, digest: str) -> int:
        """Return how many experiments of this store were tested on the same items; one query."""
        query = (
            select(func.count(CandidateRecord.experiment_id.distinct()))
            .join(EvaluationRecord, EvaluationRecord.candidate_id == CandidateRecord.id)
            .where(EvaluationRecord.items_digest == digest)
        )
        with self._session() as session:
            return session.scalar(query) or 0

    def ledger(self, experiment_id: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return the events of an experiment with ``seq`` above ``after``, in order."""
        return self.events(experiment_id, after=after, limit=limit)

    def events(
        self,
        experiment_id: str,
        *,
        kinds: tuple[EventKind, ...] = (),
        after: int = 0,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Event]:
        """Return events with ``seq`` above ``after`` (``newest``: below it, 0 for all, latest first)."""
        table = EventRecord
        query = select(table).where(table.experiment_id == experiment_id)
        if kinds:
            query = query.where(table.kind.in_(kinds))
        if not newest or after:
            query = query.where(table.seq < after if newest else table.seq > after)
        query = query.order_by(table.seq.desc() if newest else table.seq).limit(limit)
        with self._session() as session:
            return [to_event(row) for row in session.scalars(query)]


def to_experiment(row: ExperimentRecord) -> Experiment:
    """Return the row as plain data, without the driver's fencing token."""
    driver = row.driver and Driver(
        host=row.driver["host"],
        pid=row.driver["pid"],
        process_started=row.driver["process_started"],
        heartbeat=datetime.fromisoformat(row.driver["heartbeat"]),
    )
    launch = row.launch and Launch(**{**row.launch, "at": datetime.fromisoformat(row.launch["at"])})
    known = {field.name: getattr(row, field.name) for field in fields(Experiment)}
    return Experiment(**{**known, "driver": driver or None, "launch": launch or None})


def to_candidate(row: CandidateRecord) -> Candidate:
    """Return the row as plain data."""
    return Candidate(**{**_columns(row), "vector": None if row.vector is None else tuple(row.vector)})


def to_evaluation(row: EvaluationRecord) -> Evaluation:
    """Return the row as plain data."""
    return Evaluation(**_columns(row))


def to_event(row: EventRecord) -> Event:
    """Return the row as plain data."""
    return Event(**_columns(row))


def _columns(row: CandidateRecord | EvaluationRecord | EventRecord) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _find_experiment(session: Session, reference: str) -> ExperimentRecord:
    table = ExperimentRecord
    if (row := session.get(table, reference)) is not None:
        return row
    named = select(table).where(table.name == reference).order_by(table.created_at.desc(), table.id.desc())
    if (row := session.scalars(named.limit(1)).first()) is not None:
        return row
    start = select(table).where(table.id.startswith(reference, autoescape=True)).order_by(table.id)
    rows = session.scalars(start).all() if reference else []
    if len(rows) == 1:
        return rows[0]
    if rows:
        ids = ", ".join(row.id for row in rows[:10])
        raise NotFound("experiment", f"'{reference}' is the start of several ids", f"write more of one: {ids}")
    newest = select(table.id, table.name).order_by(table.created_at.desc()).limit(100)
    known = {text for pair in session.execute(newest) for text in pair}
    hint = nearest(reference, known) if known else "none is stored yet; create one"
    raise NotFound("experiment", f"there is none with id or name '{reference}'", hint)
