"""Every state that the record knows, and every legal step between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from evomerge.errors import StateConflict


class ExperimentState(StrEnum):
    """State of an experiment; ``created``, ``interrupted`` and ``paused`` ones have no driver and can get one."""

    CREATED = "created"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class Wanted(StrEnum):
    """What a person wants of an experiment; its driver, or the server's scheduler, sees to it."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class Scope(StrEnum):
    """What a token lets its bearer do; each scope includes those before it."""

    READ = "read"
    RUN = "run"
    ADMIN = "admin"

    def includes(self, other: Scope) -> bool:
        """Return whether a bearer of this scope may do what needs ``other``."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class ArtifactState(StrEnum):
    """State of an exported checkpoint."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class CandidateState(StrEnum):
    """State of a candidate on the search split, from its first result or failure on."""

    ASKED = "asked"
    SCORED = "scored"
    INFEASIBLE = "infeasible"


class EvaluationState(StrEnum):
    """State of a candidate's evaluation on one block of a split; ``lost`` is started again."""

    RUNNING = "running"
    LOST = "lost"
    DONE = "done"
    INFEASIBLE = "infeasible"


class CandidateKind(StrEnum):
    """Where a candidate comes from: a parent or plain merge, the search, its final mean, or a person."""

    BASELINE = "baseline"
    SEARCH = "search"
    MEAN = "mean"
    INJECTED = "injected"


class Split(StrEnum):
    """The three disjoint sets of items of a task."""

    SEARCH = "search"
    SELECTION = "selection"
    TEST = "test"


# Block of an evaluation that scored all items of its split at once.
WHOLE = -1


class EventKind(StrEnum):
    """What an entry of the ledger reports."""

    STATE = "state"  # payload: from, to, driver, error
    ASK = "ask"  # payload: candidate_id, number, kind, block (None: not the search's)
    START = "start"  # payload: candidate_id, number, split, block, attempt, worker
    TELL = "tell"  # payload: candidate_id, number, split ("search"), block, fitness (of the block)
    MEASURE = "measure"  # as tell, for the other splits: the search algorithm never sees them
    INFEASIBLE = "infeasible"  # payload: candidate_id, number, split, block, reason
    LOST = "lost"  # payload: candidate_id, number, split, block, attempt, reason
    DECISION = "decision"  # payload: decision, data
    CONTROL = "control"  # payload: action, by, and what the action needs: a person's doing
    EXPORT = "export"  # payload: artifact, number, state, error


_State = TypeVar("_State", ExperimentState, CandidateState, EvaluationState)

# A state without successors is terminal: nothing changes it any more.
EXPERIMENT_STEPS: Mapping[ExperimentState, frozenset[ExperimentState]] = {
    ExperimentState.CREATED: frozenset({ExperimentState.RUNNING, ExperimentState.PAUSED, ExperimentState.CANCELLED}),
    ExperimentState.RUNNING: frozenset(
        {
            ExperimentState.INTERRUPTED,
            ExperimentState.PAUSED,
            ExperimentState.FINISHED,
            ExperimentState.FAILED,
            ExperimentState.CANCELLED,
        }
    ),
    ExperimentState.INTERRUPTED: frozenset(
        {ExperimentState.RUNNING, ExperimentState.PAUSED, ExperimentState.CANCELLED}
    ),
    ExperimentState.PAUSED: frozenset({ExperimentState.RUNNING, ExperimentState.CANCELLED}),
    ExperimentState.FINISHED: frozenset(),
    ExperimentState.FAILED: frozenset(),
    ExperimentState.CANCELLED: frozenset(),
}
CANDIDATE_STEPS: Mapping[CandidateState, frozenset[CandidateState]] = {
    CandidateState.ASKED: frozenset({CandidateState.SCORED, CandidateState.INFEASIBLE}),
    CandidateState.SCORED: frozenset({CandidateState.INFEASIBLE}),
    CandidateState.INFEASIBLE: frozenset(),
}
EVALUATION_STEPS: Mapping[EvaluationState, frozenset[EvaluationState]] = {
    EvaluationState.RUNNING: frozenset({EvaluationState.LOST, EvaluationState.DONE, EvaluationState.INFEASIBLE}),
    # A lost attempt's lease has ended: its late result changes nothing. The next attempt has a lease of its own.
    EvaluationState.LOST: frozenset({EvaluationState.RUNNING, EvaluationState.INFEASIBLE}),
    EvaluationState.DONE: frozenset(),
    EvaluationState.INFEASIBLE: frozenset(),
}


def check_step(steps: Mapping[_State, frozenset[_State]], subject: str, old: _State, new: _State) -> None:
    """Let a legal step pass.

    Raises:
        StateConflict: ``subject`` cannot go from ``old`` to ``new``.
    """
    if new in steps[old]:
        return
    if not steps[old]:
        raise StateConflict(subject, f"it is {old} and cannot become {new}", f"leave it: {old} is final")
    legal = " or ".join(sorted(steps[old]))
    raise StateConflict(subject, f"it is {old} and cannot become {new}", f"from {old} it can become {legal}")
