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
from experiments.access import TokenBook
from experiments.artifacts import ArtifactBook
from experiments.checkpoints import CheckpointBook
from experiments.comparing import Comparer
from experiments.control import Controller
from experiments.drivers import check_free, is_alive, this_process
from experiments.entities import Experiment, Once, Orders
from experiments.ledger import Ledger
from experiments.maintenance import Auditor
from experiments.monitor import Monitor
from experiments.pages import Pages
from experiments.provenances import ProvenanceBook
from experiments.reading import to_experiment
from experiments.records import ExperimentRecord
from experiments.requests import check_once, record_once
from experiments.responses import ResponseBook
from experiments.states import EventKind, ExperimentState, Wanted
from experiments.texts import TextBook
from experiments.traces import TraceBook

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1, which look like others


class Store(
    Controller,
    TokenBook,
    ArtifactBook,
    Comparer,
    TraceBook,
    TextBook,
    ProvenanceBook,
    ResponseBook,
    CheckpointBook,
    Pages,
    Monitor,
    Auditor,
):
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

    def create_experiment(
        self,
        spec: Mapping[str, Any],
        source_dir: str,
        resolved: Mapping[str, Any],
        *,
        owner: str = "",
        priority: int = 0,
        wanted: Wanted | None = None,
        once: Once | None = None,
    ) -> Experiment:
        """Record a new experiment.

        Args:
            spec: ``ExperimentSpec.canonical()``.
            source_dir: directory that the relative paths of the spec start from.
            resolved: provenance: versions, model references with their hashes, tasks.
            owner: who submits it.
            priority: larger goes first.
            wanted: ``RUN`` for a server's scheduler to start it; None leaves that to the caller.
            once: the request.

        Raises:
            AlreadyDone: the request took effect before.
            StateConflict: its key belongs to another request.
        """
        now = datetime.now(UTC)
        with self._writing() as session:
            check_once(session, once)
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
                owner=owner,
                priority=priority,
                wanted=wanted,
            )
            session.add(row)
            session.flush()
            state = {"from": None, "to": row.state, "driver": None, "error": None}
            Ledger(session, row).append(EventKind.STATE, state)
            record_once(session, once, row.id)
            return to_experiment(row)

    def claim_driver(self, experiment_id: str, *, force: bool = False, expected: Wanted | None = None) -> Experiment:
        """Make this store the experiment's only writer and the experiment ``running``.

        Evaluations that a dead driver left running become lost.

        Args:
            experiment_id: the experiment.
            force: take over from a driver that seems to live; its next write fails.
            expected: what must be wanted of it; None for a person who resumes it, whatever was wanted before.

        Raises:
            NotFound: there is no such experiment.
            StateConflict: another driver lives, the experiment has ended, or something else is wanted of it.
        """
        token = secrets.token_hex(16)
        with self._writing() as session:
            ledger = Ledger.lock(session, experiment_id)
            row = ledger.experiment
            if expected is not None and row.wanted is not expected:
                raise StateConflict(f"experiment {row.id}", f"it is wanted to {row.wanted}", "resume it first")
            holder = to_experiment(row).driver
            if holder is not None and row.driver is not None:
                # A driver that lost the store for a while comes back as the one it was.
                ours = row.driver["token"] == self._claims.get(experiment_id)
                if not force and not ours:
                    check_free(row.id, holder)
                fate = "lost the store" if ours else "was replaced" if is_alive(holder) else "died"
                ledger.dismiss(f"driver {holder.host}:{holder.pid} {fate}")
            row.driver = _driver_data(token)
            row.error = None
            if row.launch is not None:
                row.launch = {**row.launch, "over": True}
            if row.wanted is not Wanted.RUN:
                row.wanted = None
            ledger.step(ExperimentState.RUNNING)
            claimed = to_experiment(row)
        self._claims[experiment_id] = token
        return claimed

    def heartbeat(self, experiment_id: str, seconds_spent: float) -> Orders:
        """Report that the driver lives and how many seconds all runs took together; return what it must heed.

        Raises:
            StateConflict: the experiment is no longer this store's to drive.
        """
        with self._driving(experiment_id) as ledger:
            row = ledger.experiment
            row.driver = _driver_data(self._claims[experiment_id])
            row.seconds_spent = seconds_spent
            return Orders(row.wanted, row.budget, row.workers, row.control_seq)

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
