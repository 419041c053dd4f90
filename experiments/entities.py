"""What the store hands out: plain frozen data that outlives every session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from experiments.states import (
    ArtifactState,
    CandidateKind,
    CandidateState,
    EvaluationState,
    EventKind,
    ExperimentState,
    Scope,
    Split,
    Wanted,
)


@dataclass(frozen=True)
class Driver:
    """The process that drives an experiment."""

    host: str
    pid: int
    process_started: float  # seconds since the epoch, tells a process from a later one with the same pid
    heartbeat: datetime


@dataclass(frozen=True)
class Launch:
    """The last start of a driver by a server's scheduler, until the driver claims the experiment.

    Attributes:
        at: when.
        handle: what the launcher calls it, such as the id of a Ray job.
        tries: starts since the last finished evaluation.
        done: evaluations that were done then.
        over: whether the driver has claimed the experiment since, or ended without.
    """

    at: datetime
    handle: str
    tries: int
    done: int
    over: bool


@dataclass(frozen=True)
class Experiment:
    """One experiment; ``spec`` is canonical JSON data, ``resolved`` its provenance.

    Attributes:
        owner: who submitted it; "" on the command line.
        priority: larger goes first.
        wanted: what a person wants of it; None where no server sees to it.
        revision: counts the changes of state, wanted, budget and priority.
        budget: replaces ``search.budget`` of the spec where it was extended.
        workers: at most so many of the spec's workers, as the scheduler shares the cluster out; None for all.
        control_seq: the newest event that a person caused.
    """

    id: str
    name: str
    state: ExperimentState
    spec: Mapping[str, Any]
    source_dir: str
    resolved: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    seconds_spent: float
    error: str | None
    driver: Driver | None
    owner: str
    priority: int
    wanted: Wanted | None
    revision: int
    budget: Mapping[str, Any] | None
    workers: int | None
    launch: Launch | None
    last_seq: int
    control_seq: int


@dataclass(frozen=True)
class Orders:
    """What a driver must heed, told with every heartbeat; the fields are those of the experiment."""

    wanted: Wanted | None
    budget: Mapping[str, Any] | None
    workers: int | None
    control_seq: int


@dataclass(frozen=True)
class Progress:
    """Counts of one experiment."""

    candidates: int
    scored: int  # candidates
    infeasible: int  # candidates
    running: int  # evaluations
    done: int  # evaluations, all splits
    lost: int  # attempts that were lost, retried ones included
    prompt_tokens: int
    generated_tokens: int
    search_items: int  # scored items of the search split, over all candidates
    best_fitness: float | None


@dataclass(frozen=True)
class ExperimentSummary:
    """An experiment and its counts."""

    experiment: Experiment
    progress: Progress


@dataclass(frozen=True)
class Candidate:
    """One point of the search, or a baseline; ``fitness`` is that of all search items it was scored on."""

    id: int
    experiment_id: str
    number: int
    kind: CandidateKind
    label: str
    vector: tuple[float, ...] | None
    recipe: Mapping[str, Any]
    recipe_digest: str
    state: CandidateState
    reason: str | None
    fitness: float | None
    created_at: datetime


@dataclass(frozen=True)
class Evaluation:
    """One candidate on one block of a split (``block`` -1: on all of its items at once).

    ``summary`` is {task: {"items": n, "score": mean, "stderr": of that or None, "reference_logprob": mean or None}};
    times are in seconds.
    """

    id: int
    candidate_id: int
    split: Split
    block: int
    state: EvaluationState
    attempt: int
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    timings_s: Mapping[str, float]
    prompt_tokens: int
    generated_tokens: int
    fitness: float | None
    summary: Mapping[str, Mapping[str, Any]]
    num_items: int
    items_digest: str | None  # of the items' hashes; on the test split only
    reason: str | None
    provenance: str | None  # digest of a recorded provenance
    weights: str | None  # hash of the weights that were scored, of parents only
    copied_from: int | None  # id of the evaluation that has the scores; minus that of a ``CheckpointEvaluation``


class ScoredItem(Protocol):
    """What a result holds per item; anything with these attributes can be recorded."""

    @property
    def task(self) -> str: ...  # noqa: D102
    @property
    def item(self) -> str: ...  # noqa: D102
    @property
    def score(self) -> float: ...  # noqa: D102
    @property
    def reference_logprob(self) -> float | None: ...  # noqa: D102
    @property
    def output(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class StoredItem:
    """The recorded score of one candidate on one item; ``output`` is None unless it was asked for."""

    candidate_id: int
    number: int
    task: str
    item: str
    score: float
    reference_logprob: float | None
    output: str | None


@dataclass(frozen=True)
class SplitScore:
    """What all evaluations of a candidate on one split found together; ``summary`` as that of an evaluation."""

    items: int
    summary: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Standing:
    """One line of the leaderboard: a scored candidate and what it reached on each split."""

    candidate: Candidate
    splits: Mapping[Split, SplitScore]


@dataclass(frozen=True)
class Event:
    """One entry of an experiment's ledger; ``seq`` counts from 1 without gaps."""

    id: int
    experiment_id: str
    seq: int
    kind: EventKind
    payload: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class Token:
    """An access token without its secret."""

    id: str
    name: str
    owner: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class Once:
    """A request that must take effect once, however often it comes.

    Attributes:
        owner: who sent it.
        key: its Idempotency-Key.
        fingerprint: of its method, address and body.
    """

    owner: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Artifact:
    """An exported checkpoint; ``files`` is {name: {"bytes": size, "sha256": digest}}."""

    id: str
    experiment_id: str
    number: int
    state: ArtifactState
    path: str
    files: Mapping[str, Mapping[str, Any]]
    error: str | None
    created_at: datetime
    finished_at: datetime | None
