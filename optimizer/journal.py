"""The driver's side of the record: what is known of the experiment, and every write that adds to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from experiments.entities import Candidate, Event, Experiment
from experiments.states import (
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Split,
)
from experiments.store import Store
from merging.recipe import Recipe
from optimizer.search import Vector
from workers.config import ScoreResult

_HEARTBEAT_S = 5.0


class Journal:
    """Writes first, then remembers: what this object knows is always in the store already."""

    def __init__(self, store: Store, experiment: Experiment) -> None:
        self._store = store
        self.id = experiment.id
        self.candidates = {one.number: one for one in store.candidates(experiment.id)}
        self.fitness: dict[tuple[int, Split], float] = {}
        self.closed: set[tuple[int, Split]] = set()
        self.generated_tokens = 0
        numbers = {one.id: one.number for one in self.candidates.values()}
        for evaluation in store.evaluations(experiment.id):
            if evaluation.state in (EvaluationState.DONE, EvaluationState.INFEASIBLE):
                key = (numbers[evaluation.candidate_id], evaluation.split)
                self.closed.add(key)
                self.generated_tokens += evaluation.generated_tokens
                if evaluation.fitness is not None:
                    self.fitness[key] = evaluation.fitness
        self._decided = {event.payload["decision"] for event in self.ledger() if event.kind is EventKind.DECISION}
        self._spent_before_s = experiment.seconds_spent
        self._started = self._beaten = time.monotonic()

    @property
    def seconds_spent(self) -> float:
        """Wall-clock seconds over all runs of the experiment."""
        return self._spent_before_s + time.monotonic() - self._started

    def ledger(self) -> list[Event]:
        """Every event of the experiment in order."""
        return self._store.ledger(self.id)

    def of_kind(self, kind: CandidateKind) -> list[Candidate]:
        """Return the candidates of one kind by number."""
        return [one for _, one in sorted(self.candidates.items()) if one.kind is kind]

    def num_closed(self, split: Split) -> int:
        """Number of candidates whose evaluation on the split has ended."""
        return sum(1 for _, closed_split in self.closed if closed_split is split)

    def ask(self, kind: CandidateKind, label: str, recipe: Recipe, vector: Vector | None) -> Candidate:
        """Record the next candidate before anybody scores it."""
        candidate = self._store.record_ask(
            self.id,
            number=len(self.candidates),
            kind=kind,
            label=label,
            vector=None if vector is None else vector.tolist(),
            recipe=recipe.to_dict(),
            digest=recipe.digest(),
        )
        self.candidates[candidate.number] = candidate
        return candidate

    def started(self, candidate: Candidate, split: Split, worker: str) -> None:
        """Record that a worker gets the candidate."""
        self._store.record_started(candidate.id, split, worker=worker)

    def done(self, candidate: Candidate, split: Split, result: ScoreResult, value: float) -> None:
        """Record a result with every item's score; ``value`` is the fitness."""
        self._store.record_result(
            candidate.id,
            split,
            result.items,
            fitness=value,
            timings_s=result.timings_s,
            prompt_tokens=result.prompt_tokens,
            generated_tokens=result.generated_tokens,
            worker=result.worker,
        )
        self.fitness[candidate.number, split] = value
        self.generated_tokens += result.generated_tokens
        self._close(candidate, split, state=CandidateState.SCORED, fitness=value)

    def infeasible(self, candidate: Candidate, split: Split, reason: str) -> None:
        """Record that the candidate cannot be merged or scored."""
        self._store.record_infeasible(candidate.id, split, reason)
        self._close(candidate, split, state=CandidateState.INFEASIBLE, reason=reason)

    def lost(self, candidate: Candidate, split: Split, reason: str) -> None:
        """Record that the worker was lost; the candidate will be asked again."""
        self._store.record_lost(candidate.id, split, reason)

    def decide(self, decision: str, data: Mapping[str, Any]) -> None:
        """Record a decision once; a resumed run that comes to it again adds nothing."""
        if decision not in self._decided:
            self._store.record_decision(self.id, decision, data)
            self._decided.add(decision)

    def beat(self) -> None:
        """Tell the store now and then that the driver lives and how long the experiment has taken."""
        if time.monotonic() - self._beaten >= _HEARTBEAT_S:
            self._beaten = time.monotonic()
            self._store.heartbeat(self.id, self.seconds_spent)

    def release(self, state: ExperimentState, error: str | None) -> None:
        """End this drive."""
        self._store.heartbeat(self.id, self.seconds_spent)
        self._store.release_driver(self.id, state, error=error)

    def _close(self, candidate: Candidate, split: Split, **changes: Any) -> None:
        self.closed.add((candidate.number, split))
        if split is Split.SEARCH:
            self.candidates[candidate.number] = replace(candidate, **changes)
