"""A driver that nobody watches: the one entry point of a server's processes and of Ray jobs.

It begins by reading the store, so that it does not matter whether it is the first driver of an experiment or the tenth.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TypeVar

from evomerge.errors import Interrupted, InvalidInput, StoreUnavailable
from experiments.entities import Experiment
from experiments.states import ExperimentState, Wanted
from experiments.store import Store
from optimizer.driver import RunResult
from optimizer.fleet import Fleet
from optimizer.launch import check_unchanged, drive_claimed, stop_on_signals
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.watch import Observer

# A database that is restarted or moved is back within minutes; the engines wait for it.
STORE_PATIENCE_S = 900.0
_BEAT_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0

_Found = TypeVar("_Found")


def drive_unattended(url: str, experiment_id: str, observer: Observer, say: Callable[[str], None]) -> RunResult:
    """Claim an experiment that should run, and drive it to its end; Python functions of black boxes are refused.

    While the store is out of reach nothing is lost: the driver waits for it with its engines running, then goes on from
    what the store has.

    Args:
        url: of the store.
        experiment_id: the full id.
        observer: told about progress.
        say: told what happens to the driver itself.

    Raises:
        InvalidInput: the spec cannot be driven here; the experiment is paused with the reason.
        StateConflict: another driver lives, or the experiment should not run.
        Interrupted: a signal came, or somebody wants the run paused or cancelled.
        EngineError: no worker can be started.
        StoreUnavailable: the store was out of reach for longer than ``STORE_PATIENCE_S``.
    """
    stop = threading.Event()
    with stop_on_signals(stop), ExitStack() as held:
        store = held.enter_context(_patiently(lambda: Store.open(url), say, stop))
        claimed = _patiently(lambda: store.claim_driver(experiment_id, expected=Wanted.RUN), say, stop)
        plan = _checked(store, claimed)
        if isinstance(plan, Plan):
            held.enter_context(plan.resources())
            fleet = Fleet()
            held.callback(fleet.close)
            plan = replace(plan, fleet=fleet)
        while True:
            try:
                return drive_claimed(store, claimed, plan, observer, stop)
            except StoreUnavailable as error:
                say(f"{error}; waiting for the store")
                claimed = _patiently(lambda: store.claim_driver(experiment_id, expected=Wanted.RUN), say, stop)


def _checked(store: Store, experiment: Experiment) -> Problem:
    try:
        with _beating(store, experiment):
            return check_unchanged(experiment, allow_code=False)
    except BaseException as error:
        store.release_driver(experiment.id, ExperimentState.INTERRUPTED, error=str(error))
        if isinstance(error, InvalidInput):
            # Trying again changes nothing before a person does.
            store.want(experiment.id, Wanted.PAUSE, by="driver", reason=str(error))
        raise


@contextmanager
def _beating(store: Store, experiment: Experiment) -> Iterator[None]:
    """Keep the claim while files of any size are hashed."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(_BEAT_S):
            store.heartbeat(experiment.id, experiment.seconds_spent)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _patiently(action: Callable[[], _Found], say: Callable[[str], None], stop: threading.Event) -> _Found:
    """Repeat what needs the store until it is within reach."""
    deadline, pause = time.monotonic() + STORE_PATIENCE_S, _FIRST_PAUSE_S
    while True:
        try:
            return action()
        except StoreUnavailable as error:
            if time.monotonic() > deadline:
                raise
            say(f"{error}; trying again in {pause:.1f} s")
        if stop.wait(pause):
            raise Interrupted("stopped on request")
        pause = min(2 * pause, _LONGEST_PAUSE_S)
