"""The store's write side for the driver: candidates, their evaluations and decisions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, inspect
from sqlalchemy.orm import Session

from evomerge.errors import StateConflict
from evomerge.failpoints import failpoint
from experiments.database import WRITES, translated
from experiments.entities import Candidate, Evaluation, Event, ScoredItem
from experiments.leases import check_claim, end_evaluation
from experiments.ledger import Ledger, subject_of
from experiments.reading import Reader, to_evaluation
from experiments.records import CandidateRecord, EvaluationRecord
from experiments.results import check_result, items_digest, summary_of
from experiments.states import WHOLE, CandidateKind, CandidateState, EvaluationState, EventKind, Split


class Recorder(Reader):
    """Records what a driver does; each method is one transaction and returns after the commit.

    Every method raises StateConflict where the experiment is not claimed by this store, StoreError where the
    database cannot write; then nothing was written. The claim is the driver's lease; an evaluation's lease is its
    attempt, and only the attempt that runs can give a result.
    """

    def __init__(self, engine: Engine) -> None:
        """Write through an engine of ``experiments.database.connect``."""
        super().__init__(engine)
        self._write_engine = engine.execution_options(**{WRITES: True})
        self._claims: dict[str, str] = {}  # experiment id -> fencing token
        self._together: ContextVar[Session | None] = ContextVar("together", default=None)

    @contextmanager
    def together(self, candidate_ids: Collection[int] = ()) -> Iterator[None]:
        """Make one transaction of all that is recorded inside, by this thread: it is all kept, or nothing is.

        One commit instead of many is what makes recording in batches quick. An error must leave the context.

        Args:
            candidate_ids: of what will be recorded, for all to be read at once.
        """
        with self._transaction() as session:
            if candidate_ids:
                Ledger.lock_candidates(session, candidate_ids)
            token = self._together.set(session)
            try:
                yield
            finally:
                self._together.reset(token)

    def record_ask(
        self,
        experiment_id: str,
        *,
        number: int,
        kind: CandidateKind,
        label: str,
        vector: Sequence[float] | None,
        recipe: Mapping[str, Any],
        digest: str,
        block: int | None = None,
    ) -> Candidate:
        """Record a candidate before it is scored.

        Args:
            experiment_id: the experiment.
            number: place in the experiment, from 0.
            kind: where the candidate comes from.
            label: name in reports, "" for none.
            vector: point of the search space; None for a recipe that was not searched.
            recipe: ``Recipe.to_dict()``.
            digest: ``Recipe.digest()``.
            block: block of the search items that the search wants it scored on; None where it was not the search
                that asked.

        Raises:
            StateConflict: the number is taken.
        """
        columns: dict[str, Any] = {
            "experiment_id": experiment_id,
            "number": number,
            "kind": CandidateKind(kind),
            "label": label,
            "vector": None if vector is None else tuple(map(float, vector)),
            "recipe": dict(recipe),
            "recipe_digest": digest,
            "state": CandidateState.ASKED,
            "reason": None,
            "fitness": None,
        }
        with self._driving(experiment_id) as ledger:
            columns["created_at"] = ledger.now
            row = ledger.new_candidate(columns)
            ledger.append(EventKind.ASK, {"candidate_id": row.id, "number": number, "kind": row.kind, "block": block})
            return Candidate(id=row.id, **columns)

    def record_ask_again(self, candidate_id: int, *, block: int) -> None:
        """Record that the search wants a candidate scored on another block of the search items."""
        with self._evaluating(candidate_id) as (ledger, candidate):
            subject = {"candidate_id": candidate.id, "number": candidate.number, "kind": candidate.kind}
            ledger.append(EventKind.ASK, {**subject, "block": block})

    def record_started(self, candidate_id: int, split: Split, *, worker: str, block: int = WHOLE) -> int:
        """Record that a worker scores a candidate on a block of a split; return the attempt, from 1.

        Raises:
            StateConflict: the evaluation runs already or has ended.
        """
        with self._evaluating(candidate_id) as (ledger, candidate):
            row = ledger.evaluation(candidate, split, block)
            if row is None:
                row = ledger.new_evaluation(candidate, split, block, EvaluationState.RUNNING)
            else:
                ledger.step_evaluation(candidate, row, EvaluationState.RUNNING)
            row.attempt += 1
            row.worker, row.reason = worker, None
            row.started_at, row.finished_at = ledger.now, None
            ledger.append(
                EventKind.START,
                {**_subject(candidate, split, block), "attempt": row.attempt, "worker": worker},
            )
            return row.attempt

    def record_result(
        self,
        candidate_id: int,
        split: Split,
        items: Sequence[ScoredItem],
        *,
        fitness: float | None,
        timings_s: Mapping[str, float],
        prompt_tokens: int,
        generated_tokens: int,
        attempt: int | None = None,
        worker: str | None = None,
        block: int = WHOLE,
        overall: float | None = None,
        provenance: str | None = None,
        weights: str | None = None,
        copied_from: int | None = None,
    ) -> Evaluation:
        """Record the result of an evaluation and all its items, once; on ``search`` the candidate is scored.

        A candidate that is infeasible on another block stays infeasible.

        Args:
            candidate_id: the candidate.
            split: the split that was scored.
            items: one score per item of the block.
            fitness: of these items, larger is better; needed on ``search``.
            timings_s: seconds per phase.
            prompt_tokens: tokens read by the model.
            generated_tokens: tokens written by the model.
            attempt: of ``record_started``; None where no worker scored it, such as a recipe that was scored before.
            worker: who scored it; None keeps the worker of ``record_started``.
            block: the block of the split that was scored.
            overall: the candidate's fitness over all search items so far; None where ``fitness`` is that.
            provenance: digest of what was recorded with ``record_provenance``.
            weights: hash of the weights, where they may be scored in other experiments too.
            copied_from: id of the evaluation that the scores were taken from.

        Raises:
            InvalidInput: no items, an item twice, a number that is not finite, no fitness on ``search``.
            StateConflict: the evaluation has ended, or this attempt was lost; nothing changes.
        """
        check_result(split, items, fitness)
        with self._evaluating(candidate_id) as (ledger, candidate):
            row = end_evaluation(ledger, candidate, split, block, EvaluationState.DONE, attempt)
            row.worker = worker or row.worker
            row.timings_s = dict(timings_s)
            row.prompt_tokens, row.generated_tokens = prompt_tokens, generated_tokens
            row.fitness, row.summary, row.num_items = fitness, summary_of(items), len(items)
            row.provenance, row.weights, row.copied_from = provenance, weights, copied_from
            return _scored(ledger, candidate, row, items, fitness if overall is None else overall)

    def record_infeasible(
        self, candidate_id: int, split: Split, reason: str, *, attempt: int | None = None, block: int = WHOLE
    ) -> Evaluation:
        """Record that a candidate cannot be merged or scored; on ``search`` the candidate is infeasible.

        ``attempt`` is that of ``record_started`` where a worker found it, None where it is known without one.

        Raises:
            StateConflict: the evaluation has ended already, or this attempt was lost.
        """
        with self._evaluating(candidate_id) as (ledger, candidate):
            row = end_evaluation(ledger, candidate, split, block, EvaluationState.INFEASIBLE, attempt)
            row.reason = reason
            if split == Split.SEARCH and candidate.state is not CandidateState.INFEASIBLE:
                ledger.step_candidate(candidate, CandidateState.INFEASIBLE)
                candidate.fitness, candidate.reason = None, reason
            ledger.append(EventKind.INFEASIBLE, {**_subject(candidate, split, block), "reason": reason})
            return _written(ledger, row)

    def record_lost(self, candidate_id: int, split: Split, reason: str, *, block: int = WHOLE) -> None:
        """Record that the worker of a running evaluation is gone; it can be started again.

        Raises:
            StateConflict: the evaluation is not running.
        """
        with self._evaluating(candidate_id) as (ledger, candidate):
            row = ledger.evaluation(candidate, split, block)
            if row is None:
                raise StateConflict(
                    subject_of(candidate, split, block),
                    "it was never started",
                    "record its start first",
                )
            ledger.lose(candidate, row, reason)

    def record_decision(self, experiment_id: str, decision: str, data: Mapping[str, Any]) -> Event:
        """Record what the driver decided (finalists, a winner, why it stopped) as an event of the ledger."""
        with self._driving(experiment_id) as ledger:
            return ledger.append_now(EventKind.DECISION, {"decision": decision, "data": dict(data)})

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        shared = self._together.get()
        if shared is not None:
            yield shared
            return
        with self._transaction() as session:
            yield session

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with translated(self._engine.url), Session(self._write_engine) as session, session.begin():
            yield session
            Ledger.write_all(session)
            failpoint("store.before_commit")
        failpoint("store.after_commit")

    @contextmanager
    def _driving(self, experiment_id: str) -> Iterator[Ledger]:
        with self._writing() as session:
            ledger = Ledger.lock(session, experiment_id)
            check_claim(ledger.experiment, self._claims.get(ledger.experiment.id))
            yield ledger

    @contextmanager
    def _evaluating(self, candidate_id: int) -> Iterator[tuple[Ledger, CandidateRecord]]:
        with self._writing() as session:
            ledger, candidate = Ledger.lock_candidate(session, candidate_id)
            check_claim(ledger.experiment, self._claims.get(ledger.experiment.id))
            yield ledger, candidate


def _scored(
    ledger: Ledger,
    candidate: CandidateRecord,
    row: EvaluationRecord,
    items: Sequence[ScoredItem],
    overall: float | None,
) -> Evaluation:
    """Take a result into what is known of its candidate and experiment."""
    counts = ledger.experiment
    counts.prompt_tokens += row.prompt_tokens
    counts.generated_tokens += row.generated_tokens
    if row.split == Split.SEARCH:
        counts.num_search_items += row.num_items
        if candidate.state is CandidateState.ASKED:
            ledger.step_candidate(candidate, CandidateState.SCORED)
        if candidate.state is CandidateState.SCORED:
            candidate.fitness = overall
    if row.split == Split.TEST:
        row.items_digest = items_digest(item.item for item in items)
    ledger.score(row, items)
    kind = EventKind.TELL if row.split == Split.SEARCH else EventKind.MEASURE
    ledger.append(kind, {**_subject(candidate, row.split, row.block), "fitness": row.fitness})
    return _written(ledger, row)


def _written(ledger: Ledger, row: EvaluationRecord) -> Evaluation:
    if inspect(row).pending:  # its id comes from the database
        ledger.session.flush()
    return to_evaluation(row)


def _subject(candidate: CandidateRecord, split: Split, block: int) -> dict[str, Any]:
    return {"candidate_id": candidate.id, "number": candidate.number, "split": split, "block": block}
