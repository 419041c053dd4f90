"""Whether an experiment is well, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from api.schemas.operations import FailureView, LossView, Vitals
from experiments import vitals as recorded
from experiments.drivers import HEARTBEAT_GRACE
from experiments.entities import Experiment
from experiments.states import ExperimentState
from experiments.store import Store

_MANY_LOST = 0.1  # attempts that are lost, of all
_MANY_INFEASIBLE = 0.5  # candidates
_ENOUGH = 10  # fewer say nothing
_SLOW_S = 0.1


def vitals(store: Store, experiment: Experiment) -> Vitals:
    """Return the health of an experiment."""
    found = store.vitals(experiment.id)
    runs = experiment.state is ExperimentState.RUNNING
    return Vitals(
        running=found.running,
        waiting=max(found.candidates - found.ended - found.running, 0),
        lost=found.lost,
        lost_reasons=[LossView(reason=one.reason, count=one.count) for one in found.losses],
        infeasible_reasons=[
            FailureView(reason=one.reason, count=one.count, number=one.number) for one in found.failures
        ],
        driver_heartbeat_at=None if experiment.driver is None else experiment.driver.heartbeat,
        last_event_at=found.last_event_at,
        store_ms=1000 * found.answer_s,
        candidates_per_minute=found.per_minute if runs else None,
        warnings=list(_warnings(experiment, found)),
    )


def _warnings(experiment: Experiment, found: recorded.Vitals) -> Iterator[str]:
    driver = experiment.driver
    if experiment.state is ExperimentState.RUNNING and driver is not None:
        silent = datetime.now(UTC) - driver.heartbeat
        if silent > HEARTBEAT_GRACE:
            yield f"The driver {driver.host}:{driver.pid} has been silent for {silent.total_seconds():.0f} s."
        elif not found.running:
            yield "No worker scores anything at this moment."
    if experiment.state in (ExperimentState.INTERRUPTED, ExperimentState.FAILED):
        yield f"The experiment is {experiment.state}: {experiment.error or 'its driver left no reason'}."
    attempts = found.done + found.lost
    if attempts >= _ENOUGH and found.lost > _MANY_LOST * attempts:
        yield f"{found.lost} of {attempts} attempts were lost with their workers."
    if found.ended >= _ENOUGH and found.infeasible > _MANY_INFEASIBLE * found.ended:
        yield f"{found.infeasible} of {found.ended} candidates are infeasible."
    if found.answer_s > _SLOW_S:
        yield f"The store takes {1000 * found.answer_s:.0f} ms to answer the smallest question."
