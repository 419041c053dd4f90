"""The unit of work of a run, and what the driver needs of whoever does it: plain data, nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from experiments.states import WHOLE, Split
from workers.config import ScoreResult


class Subject(Protocol):
    """What is scored: a recipe, or the coefficients of a black box."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        ...

    def digest(self) -> str:
        """Return the same text for equal subjects and another for others."""
        ...


@dataclass(frozen=True)
class Work:
    """One candidate to be scored on one block of a split; ``block`` -1 is the whole split at once."""

    candidate: int
    split: Split
    block: int = WHOLE


@dataclass(frozen=True)
class Job:
    """A work with everything that a worker needs for it; ``positions`` None scores the whole split."""

    work: Work
    subject: Subject
    positions: tuple[int, ...] | None


@dataclass(frozen=True)
class Outcome:
    """How a job ended. Exactly one of ``result`` (done) and ``reason`` (infeasible, lost) is set."""

    job: Job
    kind: Literal["done", "infeasible", "lost"]
    result: ScoreResult | None = None
    reason: str | None = None


class Pool(Protocol):
    """Workers that score jobs, each one job at a time."""

    @property
    def num_running(self) -> int:
        """Jobs submitted and not yet returned by ``wait``."""
        ...

    @property
    def next_worker(self) -> str | None:
        """Name of the worker that the next job goes to; None while all are busy or starting."""
        ...

    def submit(self, job: Job) -> None:
        """Hand a job to ``next_worker``; call only while there is one."""
        ...

    def wait(self, timeout_s: float) -> Outcome | None:
        """Return the next finished job; None when a worker became free or ready, or the time is up."""
        ...

    def close(self) -> None:
        """Stop every worker, whatever it is doing."""
        ...
