"""What people and the server's scheduler do to an experiment while somebody drives it, or nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from evomerge.errors import PreconditionFailed, StateConflict
from experiments.drivers import is_alive
from experiments.entities import Event, Experiment, Launch, Once
from experiments.ledger import Ledger
from experiments.reading import to_experiment
from experiments.recording import Recorder
from experiments.records import EventRecord, ExperimentRecord
from experiments.requests import check_once, record_once
from experiments.states import EXPERIMENT_STEPS, EventKind, ExperimentState, Wanted

# Kinds of budget in the order that messages name them.
BUDGETS = ("evaluations", "items", "generated_tokens", "hours")
_WAITING = (ExperimentState.CREATED, ExperimentState.INTERRUPTED, ExperimentState.PAUSED)


class Controller(Recorder):
    """Changes that need no claim: a driver learns of them with its next heartbeat."""

    def want(
        self, experiment_id: str, wanted: Wanted, *, by: str, revision: int | None = None, reason: str | None = None
    ) -> Experiment:
        """Ask for an experiment to run, pause or end; where no driver lives, pause and cancel take effect at once.

        Args:
            experiment_id: the experiment.
            wanted: what is asked for; once more the same changes nothing.
            by: who asks.
            revision: what the experiment must be at; None for any.
            reason: kept as the experiment's error where it is paused for one.

        Raises:
            NotFound: there is no such experiment.
            PreconditionFailed: it is at another revision.
            StateConflict: it has ended.
        """
        with self._writing() as session:
            ledger = Ledger.lock(session, experiment_id)
            row = ledger.experiment
            _check_open(row, revision)
            if row.wanted is not wanted:
                row.wanted = wanted
                row.revision += 1
                self._control(ledger, {"action": wanted.value, "by": by, "reason": reason})
            holder = to_experiment(row).driver
            if wanted is not Wanted.RUN and (holder is None or not is_alive(holder)):
                ledger.dismiss("it was asked to stop")
                target = ExperimentState.PAUSED if wanted is Wanted.PAUSE else ExperimentState.CANCELLED
                if row.state is not target:
                    ledger.step(target, reason)
                    row.error = reason
            if wanted is Wanted.RUN:
                row.launch = None
            return to_experiment(row)

    def extend(
        self,
        experiment_id: str,
        budget: Mapping[str, Any],
        *,
        by: str,
        revision: int | None = None,
        once: Once | None = None,
    ) -> Experiment:
        """Raise some limits of an experiment's budget to new totals.

        Args:
            experiment_id: the experiment.
            budget: limit -> new total; limits that are not named stay as they are.
            by: who asks.
            revision: what the experiment must be at; None for any.
            once: the request.

        Raises:
            NotFound: there is no such experiment.
            PreconditionFailed: it is at another revision.
            StateConflict: it has ended, its search is over, or a limit would not rise.
            AlreadyDone: the request took effect before.
        """
        with self._writing() as session:
            check_once(session, once)
            ledger = Ledger.lock(session, experiment_id)
            row = ledger.experiment
            _check_open(row, revision)
            _check_searching(ledger)
            old = {**row.spec["search"]["budget"], **(row.budget or {})}
            for limit in BUDGETS:
                if limit in budget and limit not in old:
                    raise StateConflict(f"budget.{limit}", "it is not limited", "leave it out")
                if limit in budget and budget[limit] <= old[limit]:
                    raise StateConflict(f"budget.{limit}", f"it is {old[limit]:g} already", "give a larger total")
            row.budget = {**old, **budget}
            row.revision += 1
            self._control(ledger, {"action": "extend", "by": by, "from": old, "to": row.budget})
            record_once(session, once, row.id)
            return to_experiment(row)

    def inject(
        self,
        experiment_id: str,
        recipe: Mapping[str, Any],
        *,
        label: str,
        by: str,
        once: Once | None = None,
    ) -> Event:
        """Have a merge scored that a person proposes; return the event.

        Args:
            experiment_id: the experiment.
            recipe: as that of a candidate, checked already; it need not lie in the search space.
            label: name in reports.
            by: who proposes it.
            once: the request.

        Raises:
            NotFound: there is no such experiment.
            StateConflict: it has ended, or its search is over.
            AlreadyDone: the request took effect before.
        """
        with self._writing() as session:
            check_once(session, once)
            ledger = Ledger.lock(session, experiment_id)
            _check_open(ledger.experiment, None)
            _check_searching(ledger)
            payload = {"action": "inject", "by": by, "label": label, "recipe": dict(recipe)}
            event = ledger.append_now(EventKind.CONTROL, payload)
            ledger.experiment.control_seq = event.seq
            record_once(session, once, f"{experiment_id}/{event.seq}")
            return event

    def check_once(self, once: Once | None) -> None:
        """Let a request pass that is new, before work is done for it; what writes it checks again.

        Raises:
            AlreadyDone: the request took effect before.
            StateConflict: its key belongs to another request.
        """
        with self._session() as session:
            check_once(session, once)

    def controls(self, experiment_id: str, action: str) -> list[Event]:
        """Return what people did of one kind, in order."""
        found = self.events(experiment_id, kinds=(EventKind.CONTROL,))
        return [event for event in found if event.payload["action"] == action]

    def due(self) -> list[Experiment]:
        """Return the experiments that should run, larger priority and older ones first; some may have a driver."""
        table = ExperimentRecord
        waiting = table.state.in_([*_WAITING, ExperimentState.RUNNING])
        query = select(table).where(table.wanted == Wanted.RUN, waiting)
        with self._session() as session:
            rows = session.scalars(query.order_by(table.priority.desc(), table.created_at, table.id))
            return [to_experiment(row) for row in rows]

    def unattended(self) -> list[Experiment]:
        """Return the experiments that should stop and whose driver is gone before it heard of it."""
        table = ExperimentRecord
        stop = or_(table.wanted == Wanted.PAUSE, table.wanted == Wanted.CANCEL)
        query = select(table).where(stop, table.state.in_([ExperimentState.RUNNING]))
        with self._session() as session:
            found = [to_experiment(row) for row in session.scalars(query)]
        return [one for one in found if one.driver is None or not is_alive(one.driver)]

    def take_launch(self, experiment_id: str, handle: str, *, patience: timedelta) -> Launch | None:
        """Reserve the start of a driver for the caller; None where it is not needed or another server has it.

        Args:
            experiment_id: the experiment.
            handle: what the caller will call the driver.
            patience: how long a driver that was started may take to claim the experiment.
        """
        now = datetime.now(UTC)
        with self._writing() as session:
            row = Ledger.lock(session, experiment_id).experiment
            found, last = to_experiment(row), to_experiment(row).launch
            driven = found.driver is not None and is_alive(found.driver)
            if driven or found.wanted is not Wanted.RUN or not EXPERIMENT_STEPS[row.state]:
                return None
            if last is not None and now - last.at < (_pause(last.tries) if last.over else patience):
                return None
            again = last is not None and last.done == row.num_done
            launch = Launch(now, handle, last.tries + 1 if again and last is not None else 1, row.num_done, over=False)
            row.launch = {**asdict(launch), "at": now.isoformat()}
            return launch

    def abandon_launch(self, experiment_id: str, handle: str) -> None:
        """Say that a driver which was started has ended without a claim, so that another can be started."""
        with self._writing() as session:
            row = Ledger.lock(session, experiment_id).experiment
            if row.launch is not None and row.launch["handle"] == handle:
                row.launch = {**row.launch, "over": True}

    def share(self, experiment_id: str, workers: int | None) -> None:
        """Say how many of its workers an experiment may have at this time; None for all."""
        with self._writing() as session:
            Ledger.lock(session, experiment_id).experiment.workers = workers

    @staticmethod
    def _control(ledger: Ledger, payload: Mapping[str, Any]) -> None:
        ledger.experiment.control_seq = ledger.append(EventKind.CONTROL, payload)


def _pause(tries: int) -> timedelta:
    """Return how long after its start a driver that got nothing done may be followed by another."""
    return timedelta(seconds=0 if tries < 2 else min(2.0**tries, 300))


def _check_open(row: ExperimentRecord, revision: int | None) -> None:
    subject = f"experiment {row.id}"
    if revision is not None and revision != row.revision:
        raise PreconditionFailed(
            subject, f"it is at revision {row.revision}, not {revision}", "look at it again, then repeat the request"
        )
    if not EXPERIMENT_STEPS[row.state]:
        raise StateConflict(subject, f"it is {row.state}, which is final", "clone it to go on from here")


def _check_searching(ledger: Ledger) -> None:
    ledger.write()
    query = select(EventRecord).filter_by(experiment_id=ledger.experiment.id, kind=EventKind.DECISION)
    if any(event.payload["decision"] == "finalists" for event in ledger.session.scalars(query)):
        raise StateConflict(
            f"experiment {ledger.experiment.id}", "its search is over, the finalists race", "clone it with more budget"
        )
