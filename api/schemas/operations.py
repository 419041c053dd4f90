"""How an experiment is run: what its workers do, what that costs, and what is wrong."""

from __future__ import annotations

from datetime import datetime

from api.schemas.base import Answer
from api.schemas.charts import Plot
from experiments.states import EvaluationState, Split


class LaneView(Answer):
    """A worker within the time that is shown."""

    name: str
    busy_s: float
    """Seconds of its evaluations that gave a result: merging, writing and scoring."""
    span_s: float
    """From its first start to its last end."""
    utilisation: float | None
    """busy_s / span_s."""
    lost: int
    """Its attempts that were lost, with those that were repeated since."""


class Timeline(Plot):
    """Which worker did what when; one entry per attempt of an evaluation.

    Evaluations by their last attempt, and beside them the latest 2,000 attempts that were lost, with those that were
    repeated since; where there are more of either than was asked for, an even sample of it.
    """

    start: datetime
    """The experiment's creation, which ``started_s`` and ``finished_s`` count from."""
    end: datetime
    """Of the last evaluation, or now where one is running."""
    total: int
    """Attempts within the time that was asked for."""
    shown: int
    workers: list[LaneView]
    """Busy seconds are scaled from the sample."""
    lane: list[int]
    """Place in ``workers``."""
    number: list[int]
    """Of the candidate."""
    split: list[Split]
    block: list[int]
    """-1: all items of the split at once."""
    attempt: list[int]
    """1 where nothing was lost before it."""
    state: list[EvaluationState]
    started_s: list[float]
    finished_s: list[float | None]
    """Null while it is running."""
    lost_because: dict[int, str]
    """Why attempts were lost, by their place in the lists."""
    phases: dict[str, float]
    """Seconds of all workers by what they did, scaled from the sample."""


class Cost(Plot):
    """What the search costs, in buckets of candidates; all lists have one entry per bucket."""

    number: list[int]
    """The bucket's first candidate."""
    worker_seconds: dict[str, list[float]]
    """By what the workers did: apply, write, repack, reset, score."""
    cumulative_worker_seconds: list[float]
    best: list[float | None]
    """The best fitness up to and including the bucket."""
    prompt_tokens: list[float]
    """Up to and including the bucket."""
    generated_tokens: list[float]
    """Up to and including the bucket."""
    evaluations: list[float]
    """That gave a result, in the bucket."""
    projected_worker_seconds: float | None
    """At the end of the budget, at the cost so far; null where nothing is spent yet, or nothing more will be."""
    cache_share: float | None
    """Share of the evaluations that no worker had to make, as their scores were known; null where there are none."""
    every: int
    """Counted on one candidate of so many, and scaled to all; 1: exact."""


class LossView(Answer):
    """Why evaluations were lost; they were done again."""

    reason: str
    count: int


class FailureView(Answer):
    """Why candidates are infeasible."""

    reason: str
    count: int
    number: int
    """One of them."""


class Vitals(Answer):
    """Whether an experiment is well."""

    running: int
    """Evaluations that are running."""
    waiting: int
    """Candidates that no worker has begun or ended."""
    lost: int
    """Attempts that were lost, with those that were repeated since."""
    lost_reasons: list[LossView]
    """The most frequent of the latest 2,000."""
    infeasible_reasons: list[FailureView]
    """The most frequent of the latest 2,000."""
    driver_heartbeat_at: datetime | None
    """Null where nothing drives it."""
    last_event_at: datetime | None
    store_ms: float
    """How long the store took to answer the smallest question."""
    candidates_per_minute: float | None
    """Ended within the last ten minutes; null where it does not run."""
    warnings: list[str]
    """What a person should look at, in sentences."""
