"""The driver's side of the record: what is known of the experiment, and every write that adds to it."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from evals.provenance import Provenance
from evals.tasks import ItemScore
from evals.texts import ItemText
from evomerge.failpoints import failpoint
from experiments.entities import Candidate, Event, Experiment, Orders
from experiments.reading import Reader
from experiments.spec_search import BudgetSpec
from experiments.states import (
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Split,
)
from experiments.store import Store
from experiments.texts import StoredText, text_sources
from experiments.traces import TraceRow
from optimizer.jobs import Subject, Work
from optimizer.precedents import find_scores
from optimizer.search.interface import Scores, Vector
from optimizer.tables import SplitTable
from workers.config import ScoreResult

_HEARTBEAT_S = 2.0
_log = logging.getLogger(__name__)


class Journal:
    """Writes first, then remembers: what this object knows is always in the store already.

    ``orders`` is what people and the scheduler want of the run, as of the last heartbeat.

    Args:
        store: holds the experiment's claim.
        experiment: as claimed.
        tables: one for each split, empty; filled with what the store holds.
    """

    def __init__(self, store: Store, experiment: Experiment, tables: Mapping[Split, SplitTable]) -> None:
        """Read the record."""
        self._store = store
        self.id = experiment.id
        self._sources = text_sources(experiment)
        self.tables = tables
        self.candidates = {one.number: one for one in store.candidates(experiment.id)}
        self.closed: set[Work] = set()
        self.failed: defaultdict[Split, dict[int, str]] = defaultdict(dict)
        self.generated_tokens = 0
        self._attempts: dict[Work, int] = {}
        self._provenances: set[str] = set()
        numbers = {one.id: one.number for one in self.candidates.values()}
        for one in store.evaluations(experiment.id):
            if one.state in (EvaluationState.DONE, EvaluationState.INFEASIBLE):
                self.closed.add(Work(numbers[one.candidate_id], one.split, one.block))
                self.generated_tokens += one.generated_tokens
                if one.state is EvaluationState.INFEASIBLE:
                    self.failed[one.split].setdefault(numbers[one.candidate_id], one.reason or "")
        for split, table in tables.items():
            by_number: defaultdict[int, list[ItemScore]] = defaultdict(list)
            for item in store.items(experiment.id, split):
                by_number[item.number].append(
                    ItemScore(item.task, item.item, item.score, item.reference_logprob, item.output)
                )
            for number, items in by_number.items():
                table.add(number, items)
        ledger = self.ledger()
        self.decisions: dict[str, Mapping[str, Any]] = {
            event.payload["decision"]: event.payload["data"] for event in ledger if event.kind is EventKind.DECISION
        }
        self.orders = Orders(experiment.wanted, experiment.budget, experiment.workers, experiment.control_seq)
        self._spent_before_s = experiment.seconds_spent
        self._started = self._beaten = time.monotonic()

    @property
    def store(self) -> Reader:
        """The store that the record is in, for reading."""
        return self._store

    @property
    def seconds_spent(self) -> float:
        """Wall-clock seconds over all runs of the experiment."""
        return self._spent_before_s + time.monotonic() - self._started

    def precedent(self, work: Work, weights: str, provenance: Provenance) -> tuple[int, tuple[ItemScore, ...]] | None:
        """Return scores that the store has of these weights on the items of a work, and the id of their evaluation."""
        table = self.tables[work.split]
        refs = [table.refs[position] for position in table.positions(work.block)]
        return find_scores(self._store, weights, provenance, work.split, refs)

    def ledger(self) -> list[Event]:
        """Every event of the experiment in order."""
        return self._store.ledger(self.id)

    def injections(self) -> list[Mapping[str, Any]]:
        """Return the merges that people proposed, in order: ``recipe`` and ``label`` of each."""
        return [event.payload for event in self._store.controls(self.id, "inject")]

    def budget(self, planned: BudgetSpec) -> BudgetSpec:
        """Return the budget as it is now: as planned, or as it was extended since."""
        return planned if self.orders.budget is None else BudgetSpec.model_validate(dict(self.orders.budget))

    @contextmanager
    def together(self, works: Iterable[Work] = ()) -> Iterator[None]:
        """Make one transaction of what is recorded inside, of ``works`` among others.

        Where it fails, this object knows what the store does not have, and is of no more use.
        """
        with self._store.together([self._id(work) for work in works]):
            yield

    def of_kind(self, kind: CandidateKind) -> list[Candidate]:
        """Return the candidates of one kind by number."""
        return [one for _, one in sorted(self.candidates.items()) if one.kind is kind]

    def fitness(self, split: Split) -> dict[int, float]:
        """Return the fitness of every candidate that the split's items could score, by number."""
        table, failed = self.tables[split], self.failed[split]
        return {number: table.fitness(number) for number in self.candidates if number in table and number not in failed}

    def ask(
        self, kind: CandidateKind, label: str, subject: Subject, vector: Vector | None, block: int | None = None
    ) -> Candidate:
        """Record the next candidate before anybody scores it."""
        candidate = self._store.record_ask(
            self.id,
            number=len(self.candidates),
            kind=kind,
            label=label,
            vector=None if vector is None else vector.tolist(),
            recipe=subject.to_dict(),
            digest=subject.digest(),
            block=block,
        )
        self.candidates[candidate.number] = candidate
        return candidate

    def ask_again(self, candidate: Candidate, block: int) -> None:
        """Record that the search wants another block of a candidate."""
        self._store.record_ask_again(candidate.id, block=block)

    def started(self, work: Work, worker: str) -> None:
        """Record that a worker gets the work."""
        self._attempts[work] = self._store.record_started(self._id(work), work.split, worker=worker, block=work.block)
        self._log("evaluation started", work, worker=worker)

    def done(
        self, work: Work, result: ScoreResult, *, weights: str | None = None, copied_from: int | None = None
    ) -> Scores:
        """Record a result with every item's score; return the scores as the search sees them.

        Args:
            work: what was scored.
            result: how.
            weights: see ``Problem.parents``.
            copied_from: id of the evaluation that the scores were taken from.
        """
        provenance = self._record_provenance(result.provenance)
        table = self.tables[work.split]
        scores = table.add(work.candidate, result.items)
        value = float(table.items.item_weights(scores.positions) @ scores.values)
        overall = table.fitness(work.candidate)
        self._store.record_result(
            self._id(work),
            work.split,
            result.items,
            fitness=value,
            timings_s=result.timings_s,
            prompt_tokens=result.prompt_tokens,
            generated_tokens=result.generated_tokens,
            attempt=self._attempts.get(work),
            worker=result.worker,
            block=work.block,
            overall=overall,
            provenance=provenance,
            weights=weights,
            copied_from=copied_from,
        )
        self._log("evaluation done", work, worker=result.worker)
        self.generated_tokens += result.generated_tokens
        self._close(work, state=CandidateState.SCORED, fitness=overall)
        return scores

    def infeasible(self, work: Work, reason: str) -> None:
        """Record that the candidate cannot be merged or scored."""
        attempt = self._attempts.get(work)
        self._store.record_infeasible(self._id(work), work.split, reason, attempt=attempt, block=work.block)
        self._log("candidate infeasible", work, reason=reason)
        self.failed[work.split].setdefault(work.candidate, reason)
        self._close(work, state=CandidateState.INFEASIBLE, reason=reason, fitness=None)

    def lost(self, work: Work, reason: str) -> None:
        """Record that the worker was lost; the work will be done again."""
        self._store.record_lost(self._id(work), work.split, reason, block=work.block)
        self._log("evaluation lost", work, reason=reason)
        self._attempts.pop(work, None)

    @property
    def traced(self) -> int:
        """Updates of the search by the last row of its trace."""
        return self._store.last_trace(self.id)

    def trace(self, rows: Sequence[TraceRow]) -> None:
        """Record states of the search that are not recorded yet."""
        self._store.record_trace(self.id, rows)

    def keep_texts(self, texts: Sequence[ItemText]) -> None:
        """Record the words of the items once for all experiments."""
        known = [one for one in texts if one.task in self._sources]
        rows = [
            StoredText(self._sources[one.task], one.item, one.prompt, one.reference, one.choices, one.truncated)
            for one in known
        ]
        if rows:
            self._store.record_texts(self.id, rows)

    def decide(self, decision: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Record a decision once and return it; a run that comes to it again gets what was recorded first."""
        if decision not in self.decisions:
            self._store.record_decision(self.id, decision, data)
            failpoint("driver.decided")
            self.decisions[decision] = data
        return self.decisions[decision]

    def beat(self) -> None:
        """Tell the store now and then that the driver lives and for how long it has, and hear what is wanted."""
        if time.monotonic() - self._beaten >= _HEARTBEAT_S:
            self.heed()

    def heed(self) -> None:
        """Do the same now."""
        self._beaten = time.monotonic()
        self.orders = self._store.heartbeat(self.id, self.seconds_spent)

    def release(self, state: ExperimentState, error: str | None) -> None:
        """End this drive."""
        failpoint("driver.before_release")
        self._store.heartbeat(self.id, self.seconds_spent)
        self._store.release_driver(self.id, state, error=error)

    def _record_provenance(self, provenance: Provenance | None) -> str | None:
        if provenance is None:
            return None
        if provenance.digest not in self._provenances:
            self._store.record_provenance(self.id, provenance.digest, provenance.to_dict())
            self._provenances.add(provenance.digest)
        return provenance.digest

    def _id(self, work: Work) -> int:
        return self.candidates[work.candidate].id

    def _log(self, event: str, work: Work, **more: Any) -> None:
        subject = {
            "experiment_id": self.id,
            "candidate": work.candidate,
            "split": work.split.value,
            "block": work.block,
        }
        _log.info(event, extra={**subject, "attempt": self._attempts.get(work), **more})

    def _close(self, work: Work, **changes: Any) -> None:
        self.closed.add(work)
        self._attempts.pop(work, None)
        candidate = self.candidates[work.candidate]
        if work.split is Split.SEARCH and candidate.state is not CandidateState.INFEASIBLE:
            self.candidates[work.candidate] = replace(candidate, **changes)
