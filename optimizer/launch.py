"""Create, reopen and drive experiments."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from evomerge.errors import EngineError, Interrupted, StateConflict, StoreError
from evomerge.failpoints import failpoint
from experiments.entities import Experiment
from experiments.spec import AnySpec, BlackboxExperiment, parse_any
from experiments.states import ExperimentState, Split, Wanted
from experiments.store import Store
from optimizer.blackbox import make_blackbox_plan
from optimizer.driver import Driver, RunResult
from optimizer.journal import Journal
from optimizer.needs import check_fits, find_needs
from optimizer.outcome import summarize
from optimizer.preflight import make_plan
from optimizer.problem import Problem
from optimizer.tables import SplitTable
from optimizer.watch import Observer, Watch

if TYPE_CHECKING:
    from optimizer.early import EarlyStart

_STOPPED: Mapping[Wanted | None, ExperimentState] = {
    Wanted.PAUSE: ExperimentState.PAUSED,
    Wanted.CANCEL: ExperimentState.CANCELLED,
}


def create(
    store: Store,
    spec: AnySpec,
    source_dir: Path,
    *,
    allow_code: bool = False,
    say: Callable[[str], None] = lambda message: None,
    early: EarlyStart | None = None,
) -> tuple[Experiment, Problem]:
    """Check a spec in full and record it as a new experiment; nothing is scored yet.

    ``allow_code`` lets a black-box spec run a Python function of this machine: set it only where the spec was written
    by whom this process belongs to. ``say`` is told how much memory the run takes. ``early`` starts what can be started
    meanwhile.

    Raises:
        InvalidInput: naming the field and the fix.
    """
    plan = plan_of(spec, source_dir, allow_code=allow_code, say=say, store=store, early=early)
    return store.create_experiment(spec.canonical(), str(source_dir), plan.provenance), plan


def plan_of(
    spec: AnySpec,
    source_dir: Path,
    *,
    allow_code: bool = False,
    say: Callable[[str], None] = lambda message: None,
    store: Store | None = None,
    recorded: Mapping[str, Any] | None = None,
    early: EarlyStart | None = None,
) -> Problem:
    """Check a spec of any kind in full, and that the machine has the memory for it; see :func:`create`.

    ``store``, ``recorded`` and ``early`` are those of ``optimizer.preflight.make_plan``.
    """
    if isinstance(spec, BlackboxExperiment):
        return make_blackbox_plan(spec, source_dir, allow_code=allow_code)
    plan = make_plan(spec, source_dir, store, recorded, early)
    needs = find_needs(plan)
    check_fits(plan, needs)
    say(needs.sentence())
    return plan


def reopen(
    store: Store, reference: str, *, allow_code: bool = False, early: EarlyStart | None = None
) -> tuple[Experiment, Problem]:
    """Check that a recorded experiment can go on: same models, same items, same search space.

    Raises:
        NotFound: there is no such experiment.
        StateConflict: it has ended, or its inputs have changed since.
    """
    experiment = store.get_experiment(reference)
    if experiment.state is ExperimentState.FINISHED:
        raise StateConflict(
            f"experiment {experiment.id}",
            "it is finished",
            f"look at it with 'evomerge show {experiment.id}'",
        )
    return experiment, check_unchanged(experiment, allow_code=allow_code, early=early)


def check_unchanged(experiment: Experiment, *, allow_code: bool, early: EarlyStart | None = None) -> Problem:
    """Check a recorded experiment's spec again, and that it means the same as when it was recorded.

    Raises:
        StateConflict: its inputs have changed since.
        InvalidInput: naming the field and the fix.
    """
    source_dir = Path(experiment.source_dir)
    spec = parse_any(experiment.spec)
    plan = plan_of(spec, source_dir, allow_code=allow_code, recorded=experiment.resolved, early=early)
    inputs = experiment.resolved["inputs"]
    for name, found in plan.inputs.items():
        if inputs.get(name) != found:
            raise StateConflict(
                f"experiment {experiment.id}",
                f"its {name} have changed since it was started: scores before and after would not compare",
                "restore them, or start a new experiment with 'evomerge run'",
            )
    return plan


def drive(store: Store, experiment: Experiment, plan: Problem, observer: Observer, *, force: bool = False) -> RunResult:
    """Claim an experiment, drive it to its end and release it; see :func:`drive_claimed`.

    ``force`` takes over from a driver that seems to live; that one's next write fails.

    Call it in the main thread: SIGINT and SIGTERM stop the run at the next moment that loses nothing.

    Raises:
        StateConflict: another live process drives it.
        Interrupted: a signal came; the run can be resumed.
        EngineError: no worker can be started; the run can be resumed.
    """
    stop = threading.Event()
    with stop_on_signals(stop):
        return drive_claimed(store, store.claim_driver(experiment.id, force=force), plan, observer, stop)


def drive_claimed(
    store: Store, experiment: Experiment, plan: Problem, observer: Observer, stop: threading.Event
) -> RunResult:
    """Drive a claimed experiment to its end and release it as finished, interrupted, paused, cancelled or failed.

    What came out is recorded last, as the decision ``outcome``, so that nobody has to work it out again.

    Raises:
        Interrupted: ``stop`` was set, or somebody wants the run paused or cancelled.
        EngineError: no worker can be started; the run can be resumed.
        StoreError: the store is out of reach; whoever claims the experiment next goes on with it.
    """
    failpoint("driver.claimed")
    journal = Journal(store, experiment, make_tables(plan))
    state, problem = ExperimentState.FINISHED, None
    try:
        parents = [number for number, one in enumerate(plan.baselines) if one.role in ("base", "expert")]
        watch = Watch(f"{experiment.name} {experiment.id}", plan.task_weights, parents, observer)
        _recall(journal, watch)
        with plan.resources():
            result = Driver(journal, plan, watch, stop).run()
        journal.decide("outcome", summarize(store, store.get_experiment(experiment.id)).to_dict())
        return result
    except (Interrupted, EngineError, StoreError, KeyboardInterrupt) as error:
        state, problem = _STOPPED.get(journal.orders.wanted, ExperimentState.INTERRUPTED), str(error) or "interrupted"
        raise
    except BaseException as error:
        state, problem = ExperimentState.FAILED, f"{type(error).__name__}: {error}"
        raise
    finally:
        journal.release(state, problem)


def make_tables(problem: Problem) -> dict[Split, SplitTable]:
    """Return empty tables for the items of every split."""
    weight = problem.search.reference_weight
    return {split: SplitTable(refs, problem.task_weights, weight) for split, refs in problem.items.items()}


@contextmanager
def stop_on_signals(stop: threading.Event) -> Iterator[None]:
    """Set ``stop`` on the first SIGINT or SIGTERM; a second one ends the process at once."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        restore()

    for number in previous:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()


def _recall(journal: Journal, watch: Watch) -> None:
    table = journal.tables[Split.SEARCH]
    for number, candidate in sorted(journal.candidates.items()):
        if number in table:
            watch.remember(candidate, table)
