"""What should run gets a driver, what should stop has none, and what cannot run is paused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from api.launching.launcher import Capacity
from api.launching.scheduler import MAX_TRIES, Scheduler
from evomerge.errors import EngineError
from experiments.records import ExperimentRecord
from experiments.states import ExperimentState, Wanted
from experiments.store import Store


@dataclass
class Recorder:
    """A launcher that starts nothing."""

    size: Capacity | None = field(default_factory=lambda: Capacity(8.0, 0.0))
    started: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    broken: bool = False

    def start(self, experiment_id: str, handle: str, *, workers: bool = True) -> None:
        if self.broken:
            raise EngineError("no cluster")
        self.started.append(experiment_id)
        self.handle = handle

    def is_alive(self, handle: str) -> bool:
        return handle not in self.ended

    def capacity(self) -> Capacity | None:
        return self.size

    def close(self) -> None:
        self.started.append("closed")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


@pytest.fixture
def launcher() -> Recorder:
    return Recorder()


@pytest.fixture
def scheduler(store: Store, launcher: Recorder) -> Scheduler:
    return Scheduler(store, launcher, per_owner=2)


@pytest.fixture
def submit(store: Store) -> Callable[..., str]:
    def go(owner: str = "ann", count: int = 2, **options: int) -> str:
        spec = {"name": "x", "workers": {"count": count, "cpus": 2.0, "gpus": 0.0}, "search": {"budget": {"hours": 1}}}
        return store.create_experiment(spec, "/", {}, owner=owner, wanted=Wanted.RUN, **options).id

    return go


def test_what_should_run_gets_one_driver(scheduler: Scheduler, launcher: Recorder, submit: Callable[..., str]) -> None:
    first, second = submit(), submit("bob")
    for _ in range(3):
        scheduler.tick()
    assert launcher.started == [first, second]


def test_two_servers_on_one_store_start_one_driver(store: Store, submit: Callable[..., str]) -> None:
    submit()
    launchers = [Recorder(), Recorder()]
    for launcher in launchers:
        Scheduler(store, launcher, per_owner=2).tick()
    assert sum(len(launcher.started) for launcher in launchers) == 1


def test_quotas_and_room_make_others_wait(
    store: Store, scheduler: Scheduler, launcher: Recorder, submit: Callable[..., str]
) -> None:
    ann = [submit() for _ in range(3)]
    bob = [submit("bob") for _ in range(3)]
    scheduler.tick()
    # Four workers of two cores fit, two of each owner.
    assert sorted(launcher.started) == sorted([*ann[:2], *bob[:2]])
    assert {store.get_experiment(one).workers for one in launcher.started} == {1}
    store.claim_driver(ann[0])
    store.release_driver(ann[0], ExperimentState.FINISHED)
    scheduler.tick()
    assert launcher.started[4:] == [ann[2]]


def test_shares_follow_who_is_there(store: Store, scheduler: Scheduler, submit: Callable[..., str]) -> None:
    first = submit(count=8)
    scheduler.tick()
    assert store.get_experiment(first).workers == 4
    second = submit("bob", count=8)
    scheduler.tick()
    assert store.get_experiment(first).workers == store.get_experiment(second).workers == 2
    store.want(second, Wanted.CANCEL, by="bob")
    scheduler.tick()
    assert store.get_experiment(first).workers == 4


def test_a_driver_that_ended_without_a_claim_is_followed(
    store: Store, scheduler: Scheduler, launcher: Recorder, submit: Callable[..., str]
) -> None:
    one = submit()
    scheduler.tick()
    launcher.ended.add(launcher.handle)
    scheduler.tick()
    assert launcher.started == [one, one]


def test_a_cluster_that_takes_no_job_is_asked_again(
    store: Store, scheduler: Scheduler, launcher: Recorder, submit: Callable[..., str]
) -> None:
    one = submit()
    launcher.broken = True
    scheduler.tick()
    assert launcher.started == [] and store.get_experiment(one).state is ExperimentState.CREATED
    launcher.broken = False
    scheduler.tick()
    assert launcher.started == [one]


def test_drivers_that_get_nothing_done_end_in_a_pause_with_the_reason(
    store: Store, scheduler: Scheduler, launcher: Recorder, submit: Callable[..., str]
) -> None:
    one = submit()
    for _ in range(MAX_TRIES + 3):
        scheduler.tick()
        found = store.get_experiment(one)
        if found.state is ExperimentState.PAUSED:
            break
        store.claim_driver(one, expected=Wanted.RUN)
        store.release_driver(one, ExperimentState.INTERRUPTED, error="the GPU has fallen off the bus")
        _long_ago(store, one)
    assert found.state is ExperimentState.PAUSED and len(launcher.started) == MAX_TRIES
    assert found.error is not None and "fallen off the bus" in found.error
    store.want(one, Wanted.RUN, by="ann")
    scheduler.tick()
    assert len(launcher.started) == MAX_TRIES + 1


def test_a_wish_to_stop_outlives_its_driver(store: Store, scheduler: Scheduler, submit: Callable[..., str]) -> None:
    one = submit()
    store.claim_driver(one)
    store.want(one, Wanted.CANCEL, by="ann")
    with store._writing() as session:
        row = session.get_one(ExperimentRecord, one)
        row.driver = {**(row.driver or {}), "pid": 2**22 + 1}
    scheduler.tick()
    assert store.get_experiment(one).state is ExperimentState.CANCELLED


def test_the_thread_outlives_what_goes_wrong(store: Store, launcher: Recorder, submit: Callable[..., str]) -> None:
    looks = []

    def report(*counts: int) -> None:
        looks.append(counts)
        raise RuntimeError("a bug")

    scheduler = Scheduler(store, launcher, per_owner=2, report=report)
    submit()
    scheduler.start()
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while len(looks) < 2 and datetime.now(UTC) < deadline:
        pass
    scheduler.close()
    assert looks[:2] == [(0, 1, 0), (0, 1, 0)] and launcher.started[-1] == "closed"


def _long_ago(store: Store, experiment: str) -> None:
    with store._writing() as session:
        row = session.get_one(ExperimentRecord, experiment)
        row.launch = {**(row.launch or {}), "at": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
