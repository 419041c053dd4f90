"""Leases: only the driver with the claim writes to an experiment, and only the attempt that runs ends an evaluation."""

from __future__ import annotations

from evomerge.errors import StateConflict
from experiments.ledger import Ledger, subject_of
from experiments.records import CandidateRecord, EvaluationRecord, ExperimentRecord
from experiments.states import EVALUATION_STEPS, EvaluationState, Split


def check_claim(experiment: ExperimentRecord, token: str | None) -> None:
    """Let a driver pass that holds the experiment; ``token`` is what it got when it claimed it, if it ever did.

    Raises:
        StateConflict: it does not.
    """
    holder = experiment.driver
    if token is not None and holder is not None and holder["token"] == token:
        return
    subject = f"experiment {experiment.id}"
    if token is None:
        raise StateConflict(subject, "this store has not claimed it", "call claim_driver first")
    by = f"process {holder['pid']} on {holder['host']}" if holder else "another process"
    raise StateConflict(subject, f"{by} has taken it over", "stop this driver")


def end_evaluation(
    ledger: Ledger, candidate: CandidateRecord, split: Split, block: int, state: EvaluationState, attempt: int | None
) -> EvaluationRecord:
    """End an evaluation; without an attempt, one that nobody has started.

    Raises:
        StateConflict: it has ended, or this attempt does not run.
    """
    row = ledger.evaluation(candidate, split, block)
    if row is None and attempt is None:  # known without a worker
        row = ledger.new_evaluation(candidate, split, block, state)
    else:
        row = _leased(subject_of(candidate, split, block), row, attempt)
        ledger.step_evaluation(candidate, row, state)
    row.finished_at, row.reason = ledger.now, None
    return row


def _leased(subject: str, row: EvaluationRecord | None, attempt: int | None) -> EvaluationRecord:
    """Return the evaluation if the attempt holds its lease, or it has ended, or nobody holds it and none is named."""
    if row is None:
        raise StateConflict(subject, "it was never started", "record its start first")
    running = row.attempt if row.state is EvaluationState.RUNNING else None
    if attempt == running or not EVALUATION_STEPS[row.state]:
        return row
    if attempt is None:
        raise StateConflict(subject, f"attempt {running} is running", "wait for it, or record it as lost first")
    raise StateConflict(
        subject,
        f"attempt {attempt} has lost its lease: it is {row.state} after attempt {row.attempt}",
        "drop the result",
    )
