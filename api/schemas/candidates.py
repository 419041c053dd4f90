"""Candidates, their evaluations and items, and the workers that score them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.schemas.base import Answer
from api.schemas.experiments import TaskScores
from experiments.states import CandidateKind, CandidateState, EvaluationState, Split


class CandidateView(Answer):
    """A candidate in a list."""

    number: int
    kind: CandidateKind
    label: str
    state: CandidateState
    reason: str | None
    """Why it is infeasible."""
    fitness: float | None
    """Of all search items that it was scored on."""
    created_at: datetime


class CandidatePage(Answer):
    """Candidates of an experiment."""

    candidates: list[CandidateView]
    next: str | None
    """Cursor of the next page; null at the end."""


class EvaluationView(Answer):
    """One candidate on one block of a split."""

    split: Split
    block: int
    """-1: all items of the split at once."""
    state: EvaluationState
    attempt: int
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    timings_s: dict[str, float]
    prompt_tokens: int
    generated_tokens: int
    fitness: float | None
    summary: dict[str, TaskScores]
    """By task."""
    num_items: int
    reason: str | None


class StartedEvaluation(EvaluationView):
    """An evaluation and whose it is."""

    number: int
    """Of the candidate."""


class EvaluationPage(Answer):
    """Evaluations, those that were started last first."""

    evaluations: list[StartedEvaluation]
    next: str | None
    """Cursor of the next page; null at the end."""


class CandidateDetail(CandidateView):
    """A candidate in full."""

    vector: list[float] | None
    """Point of the search space in standardized units; null where it was not searched."""
    recipe: dict[str, Any]
    recipe_digest: str
    evaluations: list[EvaluationView]


class ItemView(Answer):
    """The score of a candidate on one item."""

    task: str
    item: str
    """The 16 hex digits of the item's content hash."""
    score: float
    reference_logprob: float | None
    output: str | None
    """What the model wrote; null unless it was asked for."""


class ItemPage(Answer):
    """Items of a candidate by task and hash."""

    items: list[ItemView]
    next: str | None
    """Cursor of the next page; null at the end."""


class WorkerView(Answer):
    """What a worker did for an experiment."""

    worker: str
    running: int
    done: int
    lost: int
    """Its attempts that were lost, with those that were repeated since; of the latest 2,000."""
    infeasible: int
    items: int
    generated_tokens: int
    last_seen: datetime | None


class WorkerList(Answer):
    """Workers of an experiment, the last seen first."""

    workers: list[WorkerView]


class PlacedWorker(WorkerView):
    """A worker and the experiment that it works for."""

    experiment_id: str
    experiment_name: str


class PlacedWorkerList(Answer):
    """Workers of all running experiments."""

    workers: list[PlacedWorker]
