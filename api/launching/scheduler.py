"""Sees to it that what should run has a driver, and that what should stop has none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from secrets import token_hex
from typing import Any

import structlog

from api.launching.launcher import Capacity, Launcher
from api.launching.shares import Demand, admit, share
from evomerge.errors import EngineError, StoreError
from evomerge.failpoints import failpoint
from experiments.drivers import is_alive
from experiments.entities import Experiment
from experiments.states import Wanted
from experiments.store import Store

# How long a driver may take from its start to its claim: a Ray job waits for its place, then imports.
PATIENCE = timedelta(minutes=5)
# A driver that dies so often without finishing one evaluation needs a person.
MAX_TRIES = 5
_TICK_S = 1.0
_log = structlog.get_logger(__name__)


class Scheduler:
    """Looks at the store again and again, in a thread of its own; several servers may do so on one store.

    Args:
        store: of the service.
        launcher: starts drivers.
        per_owner: how many experiments of one owner may run at a time.
        report: told after every look how many experiments wait, start and run.
    """

    def __init__(
        self,
        store: Store,
        launcher: Launcher,
        *,
        per_owner: int,
        report: Callable[[int, int, int], None] = lambda waiting, starting, running: None,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._per_owner = per_owner
        self._report = report
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking, and let the launcher go."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._launcher.close()

    def tick(self) -> None:
        """Look once.

        Raises:
            StoreError: the store is out of reach.
        """
        for one in self._store.unattended():
            self._store.want(one.id, one.wanted or Wanted.PAUSE, by="scheduler")
        due = [one for one in self._store.due() if not self._given_up(one)]
        driven = [one for one in due if one.driver is not None and is_alive(one.driver)]
        starting = [one for one in due if one not in driven and self._is_starting(one)]
        active = [*driven, *starting]
        waiting = [one for one in due if one not in active]
        capacity = self._capacity()
        order = admit(_demands(active), _demands(_oldest_first(waiting)), capacity, self._per_owner)
        started = [demand for demand in order if self._launch(demand)]
        self._share([*_demands(active), *started], capacity, {one.id: one.workers for one in due})
        self._report(len(waiting) - len(started), len(starting) + len(started), len(driven))

    def _run(self) -> None:
        while not self._stop.wait(_TICK_S):
            try:
                self.tick()
            except StoreError as error:
                _log.warning("the store is out of reach", error=str(error))
            except Exception:  # the thread must outlive a bug: without it nothing is started any more
                _log.exception("scheduling failed")

    def _given_up(self, one: Experiment) -> bool:
        launch = one.launch
        if launch is None or not launch.over or launch.tries < MAX_TRIES:
            return False
        if one.driver is not None and is_alive(one.driver):
            return False
        reason = f"{launch.tries} drivers in a row ended without one finished evaluation"
        reason += f": {one.error}" if one.error else "; their output says why"
        self._store.want(one.id, Wanted.PAUSE, by="scheduler", reason=reason)
        _log.warning("paused", experiment_id=one.id, reason=reason)
        return True

    def _is_starting(self, one: Experiment) -> bool:
        launch = one.launch
        if launch is None or launch.over:
            return False
        try:
            alive = self._launcher.is_alive(launch.handle)
        except EngineError as error:
            _log.warning("a driver cannot be asked about", experiment_id=one.id, error=str(error))
            return True
        if not alive:
            self._store.abandon_launch(one.id, launch.handle)
            _log.warning("a driver ended before it claimed its experiment", experiment_id=one.id, handle=launch.handle)
        return alive

    def _launch(self, demand: Demand) -> bool:
        handle = f"evomerge-{demand.id}-{token_hex(4)}"
        launch = self._store.take_launch(demand.id, handle, patience=PATIENCE)
        if launch is None:
            return False
        failpoint("launch.reserved_not_started")
        try:
            self._launcher.start(demand.id, handle, workers=demand.cpus + demand.gpus > 0)
        except EngineError as error:
            self._store.abandon_launch(demand.id, handle)
            _log.warning("no driver started", experiment_id=demand.id, error=str(error))
            return False
        failpoint("launch.started")
        _log.info("driver started", experiment_id=demand.id, handle=handle, tries=launch.tries)
        return True

    def _capacity(self) -> Capacity | None:
        try:
            return self._launcher.capacity()
        except EngineError as error:
            _log.warning("the size of the cluster is not known", error=str(error))
            return None

    def _share(self, running: list[Demand], capacity: Capacity | None, known: dict[str, int | None]) -> None:
        if capacity is None:
            return
        for key, workers in share(running, capacity).items():
            if workers and known[key] != workers:
                self._store.share(key, workers)


def _oldest_first(experiments: Iterable[Experiment]) -> list[Experiment]:
    return sorted(experiments, key=lambda one: (one.created_at, one.id))


def _demands(experiments: Iterable[Experiment]) -> list[Demand]:
    return [_demand(one) for one in experiments]


def _demand(one: Experiment) -> Demand:
    spec: dict[str, Any] = dict(one.spec)
    if "blackbox" in spec:
        # Its work is done elsewhere; the driver itself waits most of the time.
        return Demand(one.id, one.owner, one.priority, spec["blackbox"]["workers"], 0.0, 0.0)
    workers = spec["workers"]
    cpus = one.resolved.get("worker_cpus", workers.get("cpus", 1.0))
    return Demand(one.id, one.owner, one.priority, workers["count"], float(cpus), float(workers["gpus"]))
