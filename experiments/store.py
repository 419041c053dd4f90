"""The record of experiments in SQL: the only memory, written before anything is acted on.

Every write is one transaction that changes rows and appends the event that reports the change. Writes to
one experiment are in one order, that of the ledger: SQLite has one writer, and PostgreSQL locks the
experiment's row. Only the store that holds the claim of an experiment may write to it, so a driver that was
taken over can do no harm.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy.orm import Session

from evomerge.errors import StateConflict
from experiments import database
from experiments.drivers import is_alive, this_process
from experiments.entities import Experiment
from experiments.ledger import Ledger
from experiments.reading import to_experiment
from experiments.recording import Recorder
from experiments.records import ExperimentRecord
from experiments.states import EventKind, ExperimentState

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1, which look like others


class Store(Recorder):
    """An open store; usable from several threads and, each opening its own, from several processes."""

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at ``sqlite:///path`` or ``postgresql://…``; create or upgrade its schema.

        Raises:
            StoreError: the store cannot be reached, written or understood; the message says what to do.
        """
        return cls(database.connect(url))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def create_experiment(self, spec: Mapping[str, Any], source_dir: str, resolved: Mapping[str, Any]) -> Experiment:
        """Record a new experiment.

        Args:
            spec: ``ExperimentSpec.canonical()``.
            source_dir: directory that the relative paths of the spec start from.
            resolved: provenance: versions, model references with their hashes, tasks.
        """
        now = datetime.now(UTC)
        with self._writing() as session:
            row = ExperimentRecord(
                id=_new_id(session),
                name=spec["name"],
                state=ExperimentState.CREATED,
                spec=dict(spec),
                source_dir=source_dir,
                resolved=dict(resolved),
                created_at=now,
                updated_at=now,
                seconds_spent=0.0,
                error=None,
                driver=None,
            )
            session.add(row)
            session.flush()
            state = {"from": None, "to": row.state, "driver": None, "error": None}
            Ledger(session, row).append(EventKind.STATE, state)
            return to_experiment(row)

    def claim_driver(self, experiment_id: str, *, force: bool = False) -> Experiment:
        """Make this store the experiment's only writer and the experiment ``running``.

        Evaluations that a dead driver left running become lost.

        Args:
            experiment_id: the experiment.
            force: take over from a driver that seems to live; its next write fails.

        Raises:
            NotFound: there is no such experiment.
            StateConflict: another driver lives, or the experiment has ended.
        """
        token = secrets.token_hex(16)
        with self._writing() as session:
            ledger = Ledger.lock(session, experiment_id)
            row = ledger.experiment
            holder = to_experiment(row).driver
            if holder is not None:
                alive = is_alive(holder)
                if alive and not force:
                    raise StateConflict(
                        f"experiment {row.id}",
                        f"process {holder.pid} on {holder.host} is driving it",
                        "stop it, or take over with 'evomerge resume --force' if you are sure that it is gone",
                    )
                fate = "was replaced" if alive else "died"
                reason = f"driver {holder.host}:{holder.pid} {fate}"
                ledger.abandon_evaluations(reason)
                ledger.step(ExperimentState.INTERRUPTED, reason)
            row.driver = _driver_data(token)
            row.error = None
            ledger.step(ExperimentState.RUNNING)
            claimed = to_experiment(row)
        self._claims[experiment_id] = token
        return claimed

    def heartbeat(self, experiment_id: str, seconds_spent: float) -> None:
        """Report that the driver lives, and how many seconds all runs of the experiment took together.

        Raises:
            StateConflict: the experiment is no longer this store's to drive.
        """
        with self._driving(experiment_id) as ledger:
            ledger.experiment.driver = _driver_data(self._claims[experiment_id])
            ledger.experiment.seconds_spent = seconds_spent

    def release_driver(self, experiment_id: str, state: ExperimentState, *, error: str | None = None) -> Experiment:
        """End this drive: the experiment becomes interrupted, finished or failed.

        Evaluations that are still running become lost.

        Raises:
            StateConflict: the experiment is no longer this store's to drive, or ``state`` does not follow.
        """
        with self._driving(experiment_id) as ledger:
            ledger.abandon_evaluations("the driver stopped")
            ledger.step(state, error)
            ledger.experiment.error = error
            ledger.experiment.driver = None
            released = to_experiment(ledger.experiment)
        del self._claims[experiment_id]
        return released


def _driver_data(token: str) -> dict[str, Any]:
    driver = this_process()
    return {**asdict(driver), "heartbeat": driver.heartbeat.isoformat(), "token": token}


def _new_id(session: Session) -> str:
    while True:
        fresh = "".join(secrets.choice(_ID_LETTERS) for _ in range(8))
        if session.get(ExperimentRecord, fresh) is None:
            return fresh
