"""The unit of work of a run, and what the driver needs of whoever does it: plain data, nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from evals.provenance import Provenance
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
    """A work with everything that a worker needs for it; ``positions`` None scores the whole split.

    ``alone`` keeps it from being scored together with others. Stand-ins (``optimizer.screening``) are scored in place
    of the subject and of any candidate where there are some, as adapters on the subject's weights; then nothing of the
    work is recorded.
    """

    work: Work
    subject: Subject
    positions: tuple[int, ...] | None
    alone: bool = False
    stand_ins: tuple[Subject, ...] = ()

    @property
    def in_place(self) -> bool:
        """Whether it must be scored with the very weights that an export has: what chooses and what is reported."""
        return self.work.split is not Split.SEARCH


@dataclass(frozen=True)
class Outcome:
    """How a job ended. Exactly one of ``result`` (done) and ``reason`` (infeasible, lost) is set.

    ``shared`` says of a lost job that others were lost with it, any of which may be the cause. A job with stand-ins has
    their results in ``stand_ins``, None for those that are infeasible, and no result of its own.
    """

    job: Job
    kind: Literal["done", "infeasible", "lost"]
    result: ScoreResult | None = None
    reason: str | None = None
    shared: bool = False
    stand_ins: tuple[ScoreResult | None, ...] = ()


@dataclass(frozen=True)
class Choice:
    """How the candidates of a whole experiment are scored on the search items.

    Args:
        width: candidates that a worker scores at once, as adapters; 1 writes each into the weights.
        reason: a clause that says why, with what was measured.
    """

    width: int
    reason: str

    def sentence(self) -> str:
        """Say what was chosen, and why."""
        how = "written in place, one by one" if self.width == 1 else f"adapters, {self.width} at once"
        return f"candidates are {how}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, for the record."""
        return asdict(self)


IN_PLACE = Choice(1, "nothing else was possible or asked for")


class Pool(Protocol):
    """Workers that score jobs, each one job at a time, or jobs of the search several at once."""

    @property
    def descriptions(self) -> Sequence[Mapping[str, Any]]:
        """What workers said of themselves when they were ready; nothing of a black box."""
        ...

    @property
    def choice(self) -> Choice | None:
        """How many jobs a worker takes at once, and why; None while that is not decided."""
        ...

    def follow(self, choice: Choice) -> None:
        """Keep to what an earlier run of the experiment decided; call it before any job is submitted."""
        ...

    def resize(self, count: int) -> None:
        """Have so many workers from now on; one that is busy when there are too many stops after its job."""
        ...

    @property
    def num_running(self) -> int:
        """Jobs submitted and not yet returned by ``wait``."""
        ...

    @property
    def next_worker(self) -> str | None:
        """Name of the worker that the next job goes to: the same until it has all that it takes at once.

        None while all are busy or starting, while there is no choice, and while ``wait`` has more to return: what comes
        next is asked for with all that is known.
        """
        ...

    @property
    def provenance(self) -> Provenance | None:
        """What scores that ``next_worker`` writes in place depend on; None where nobody but a black box knows."""
        ...

    def submit(self, job: Job) -> None:
        """Hand a job to ``next_worker``; call only while there is one, and with jobs of one split between waits."""
        ...

    def begin(self) -> None:
        """Let workers begin with what they have, even where they could take more at once; none does before."""
        ...

    def wait(self, timeout_s: float) -> Outcome | None:
        """Return the next finished job; None when a worker became free or ready, or the time is up.

        With 0 seconds it returns what has finished by now.
        """
        ...

    def close(self) -> None:
        """Stop every worker, whatever it is doing."""
        ...
